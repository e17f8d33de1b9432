-- Customers and their sessions.

CREATE TABLE customer (
    id       text COLLATE "C" CONSTRAINT customer_pkey PRIMARY KEY,
    email    text COLLATE "C" NOT NULL CONSTRAINT customer_email_key UNIQUE,
    document json NOT NULL
);

CREATE TABLE session (
    token_digest text COLLATE "C" CONSTRAINT session_pkey PRIMARY KEY,
    customer_id  text NOT NULL,
    expires_at   timestamptz NOT NULL
);
