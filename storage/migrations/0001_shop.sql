-- The tables, functions and indexes of the shop: catalog; stock, carts, idempotency keys, orders and the outbox;
-- accounts; what the purge needs.
--
-- Aggregates are kept as the JSON documents that the shop wrote, of type json, which keeps their text. Columns beside
-- them exist only where a condition or an order needs them. Text that is compared or sorted is COLLATE "C": bytewise,
-- as on DynamoDB.
--
-- Functions hold what takes several writes. Each is one statement for its caller: it runs at READ COMMITTED and does
-- all or nothing. Two releases call them at the same time, so:
--
-- * A function that the shop calls takes one argument, p jsonb. Unknown keys are ignored. A missing key and a null are
--   the same, and have a default unless every release sends the key. A document is a JSON string in p and is cast to
--   json, since jsonb would reorder its keys.
-- * It names the columns that it returns. With rows of a table, a column that a migration adds would be an error on
--   every connection that has called the function before.
-- * A function is never changed in a way that the last release would notice. It may learn a key whose default is what
--   it did before. Anything else is a new function with a suffix (place_order_2), which the new release calls. The
--   old one is dropped one release later, with what only it used.
--
-- ranked_position is no such function: it is an expression over two columns that has a name.
--
-- SE001: too few units of the SKU in the detail. SE002: the cart, order, key, stock level or product has another version.
-- SE003: the SKU in the detail belongs to another product.

-- Catalog: products, their SKUs, the words they are found by, categories.

-- Every write of a product takes the next number, so a product that is deleted and created again repeats none.
CREATE SEQUENCE product_version;

CREATE TABLE product (
    -- Short key for the rows that point here; the shop's own id is in the document.
    product           bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT product_pkey PRIMARY KEY,
    handle            text COLLATE "C" NOT NULL CONSTRAINT product_handle_key UNIQUE,
    version           bigint NOT NULL,
    status            text COLLATE "C" NOT NULL,
    is_active         boolean NOT NULL,
    category_handle   text COLLATE "C",
    position_newest   text COLLATE "C" NOT NULL,
    position_title    text COLLATE "C" NOT NULL,
    position_cheapest text COLLATE "C" NOT NULL,
    position_dearest  text COLLATE "C" NOT NULL,
    -- What is in search_term, so that a write knows what changes without another index there.
    terms             text[] COLLATE "C" NOT NULL,
    weights           smallint[] NOT NULL,
    summary           json NOT NULL,
    document          json NOT NULL
-- A listing reads positions and summaries: a low target keeps documents and terms out of the rows it walks over.
) WITH (toast_tuple_target = 1024);

ALTER TABLE product ALTER COLUMN summary SET STORAGE MAIN;

-- One index per order, and per order within a category. Products that are not active are in no listing.
CREATE INDEX product_newest ON product (position_newest) WHERE is_active;
CREATE INDEX product_title ON product (position_title) WHERE is_active;
CREATE INDEX product_cheapest ON product (position_cheapest) WHERE is_active;
CREATE INDEX product_dearest ON product (position_dearest) WHERE is_active;
CREATE INDEX product_category_newest ON product (category_handle, position_newest) WHERE is_active;
CREATE INDEX product_category_title ON product (category_handle, position_title) WHERE is_active;
CREATE INDEX product_category_cheapest ON product (category_handle, position_cheapest) WHERE is_active;
CREATE INDEX product_category_dearest ON product (category_handle, position_dearest) WHERE is_active;

-- What operators see: every product, or those with one status.
CREATE INDEX product_any_title ON product (position_title);
CREATE INDEX product_status_title ON product (status, position_title);

CREATE TABLE product_sku (
    sku     text COLLATE "C" CONSTRAINT product_sku_pkey PRIMARY KEY,
    product bigint NOT NULL CONSTRAINT product_sku_product_fkey REFERENCES product
);

CREATE INDEX product_sku_product ON product_sku (product);

-- No foreign key: only upsert_product and delete_product write here, and checking 200 terms per product costs more than writing them.
-- The key covers the whole row, so that a search reads the index alone.
CREATE TABLE search_term (
    term    text COLLATE "C" NOT NULL,
    product bigint NOT NULL,
    weight  smallint NOT NULL,
    CONSTRAINT search_term_pkey PRIMARY KEY (term, product) INCLUDE (weight)
);

-- The position of a search's match: by relevance if it has a score, else as stored.
CREATE FUNCTION ranked_position(score bigint, tie text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN score IS NULL THEN tie ELSE lpad((4294967295 - score)::text, 10, '0') || E'\x01' || tie END;
$$;

CREATE TABLE category (
    handle text COLLATE "C" CONSTRAINT category_pkey PRIMARY KEY,
    title  text NOT NULL
);

-- Writes a product and everything it is found by; returns whether it is new, and its version. With seen, the stored
-- version must be this one; 0 is that of a product that does not exist. The product's row is locked first, so two
-- writers of one product follow each other. SKUs are taken and released in sorted order, so two products that exchange
-- SKUs cannot wait for each other.
CREATE FUNCTION upsert_product(p jsonb) RETURNS TABLE (is_new boolean, new_version bigint) LANGUAGE plpgsql AS $$
DECLARE
    given record;
    the_product bigint;
    old_version bigint;
    old_terms text[];
    old_weights smallint[];
    created boolean := false;
    changed record;
BEGIN
    SELECT * INTO given FROM jsonb_to_record(p) AS (
        handle text, seen bigint, is_active boolean, category_handle text, category_title text,
        position_newest text, position_title text, position_cheapest text, position_dearest text,
        skus text[], terms text[], weights smallint[], summary text, document text
    );
    new_version := nextval('product_version');
    LOOP
        SELECT r.product, r.version, r.terms, r.weights INTO the_product, old_version, old_terms, old_weights
        FROM product r WHERE r.handle = given.handle FOR UPDATE;
        IF given.seen <> coalesce(old_version, 0) THEN
            RAISE EXCEPTION 'the product has another version' USING ERRCODE = 'SE002';
        END IF;
        EXIT WHEN the_product IS NOT NULL;
        INSERT INTO product AS r (
            handle, version, status, is_active, category_handle, position_newest, position_title, position_cheapest,
            position_dearest, terms, weights, summary, document
        ) VALUES (
            given.handle, new_version, given.document::json ->> 'status', given.is_active, given.category_handle,
            given.position_newest, given.position_title, given.position_cheapest, given.position_dearest, given.terms,
            given.weights, given.summary::json, given.document::json
        ) ON CONFLICT (handle) DO NOTHING RETURNING r.product INTO the_product;
        created := FOUND;
        EXIT WHEN created;
    END LOOP;

    IF NOT created THEN
        UPDATE product SET
            version = new_version, status = given.document::json ->> 'status',
            is_active = given.is_active, category_handle = given.category_handle,
            position_newest = given.position_newest, position_title = given.position_title,
            position_cheapest = given.position_cheapest, position_dearest = given.position_dearest,
            terms = given.terms, weights = given.weights, summary = given.summary::json,
            document = given.document::json
        WHERE product = the_product;
    END IF;

    FOR changed IN
        SELECT coalesce(n.sku, o.sku) AS sku, n.sku IS NOT NULL AS is_new
        FROM (SELECT DISTINCT sku FROM unnest(given.skus) AS u (sku)) n
        FULL JOIN (SELECT s.sku FROM product_sku s WHERE s.product = the_product) o ON o.sku = n.sku
        WHERE n.sku IS NULL OR o.sku IS NULL
        ORDER BY coalesce(n.sku, o.sku) COLLATE "C"
    LOOP
        IF changed.is_new THEN
            INSERT INTO product_sku (sku, product) VALUES (changed.sku, the_product) ON CONFLICT (sku) DO NOTHING;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'another product owns the SKU' USING ERRCODE = 'SE003', DETAIL = changed.sku;
            END IF;
        ELSE
            DELETE FROM product_sku WHERE sku = changed.sku;
        END IF;
    END LOOP;

    IF created THEN
        INSERT INTO search_term (term, product, weight)
        SELECT term, the_product, weight FROM unnest(given.terms, given.weights) AS n (term, weight);
    ELSIF (old_terms, old_weights) IS DISTINCT FROM (given.terms, given.weights) THEN
        DELETE FROM search_term t
        USING (SELECT unnest(old_terms) EXCEPT SELECT unnest(given.terms)) AS gone (term)
        WHERE t.term = gone.term AND t.product = the_product;
        INSERT INTO search_term (term, product, weight)
        SELECT term, the_product, weight FROM (
            SELECT * FROM unnest(given.terms, given.weights) EXCEPT SELECT * FROM unnest(old_terms, old_weights)
        ) AS c (term, weight)
        ON CONFLICT (term, product) DO UPDATE SET weight = excluded.weight;
    END IF;

    -- Reads before it writes: an import of thousands of products must not queue up at one category's row.
    IF given.category_handle IS NOT NULL AND NOT EXISTS (
        SELECT FROM category c WHERE c.handle = given.category_handle AND c.title = given.category_title
    ) THEN
        INSERT INTO category (handle, title) VALUES (given.category_handle, given.category_title)
        ON CONFLICT (handle) DO UPDATE SET title = excluded.title;
    END IF;
    is_new := created;
    RETURN NEXT;
END;
$$;

-- Deletes the product with a handle and everything it is found by, if it has the version seen; returns whether it
-- existed. Its category and its stock levels remain.
CREATE FUNCTION delete_product(p jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    found_product record;
BEGIN
    SELECT r.product, r.version, r.terms INTO found_product
    FROM product r WHERE r.handle = p ->> 'handle' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF found_product.version <> (p ->> 'seen')::bigint THEN
        RAISE EXCEPTION 'the product has another version' USING ERRCODE = 'SE002';
    END IF;
    DELETE FROM search_term t WHERE t.term = ANY (found_product.terms) AND t.product = found_product.product;
    DELETE FROM product_sku s WHERE s.product = found_product.product;
    DELETE FROM product r WHERE r.product = found_product.product;
    RETURN true;
END;
$$;

-- Stock, carts, idempotency keys, orders and the outbox: what one order writes together.
--
-- Each function locks in the order key or order, cart, stock by rising SKU, and touches stock last: the row of a
-- popular SKU is locked only while the transaction commits.
--
-- From its expires_at on a cart counts as absent, also while its row is still here.

CREATE TABLE stock_level (
    sku       text COLLATE "C" CONSTRAINT stock_level_pkey PRIMARY KEY,
    available bigint NOT NULL CONSTRAINT stock_level_available CHECK (available >= 0),
    reserved  bigint NOT NULL CONSTRAINT stock_level_reserved CHECK (reserved >= 0),
    sold      bigint NOT NULL CONSTRAINT stock_level_sold CHECK (sold >= 0),
    -- The largest number the shop can read back.
    received  bigint NOT NULL CONSTRAINT stock_level_received CHECK (received <= 4294967295),
    CONSTRAINT stock_level_sum CHECK (available + reserved + sold = received)
-- Room on the page for new versions of a row that every order of a SKU rewrites.
) WITH (fillfactor = 50);

CREATE TABLE cart (
    owner      text COLLATE "C" CONSTRAINT cart_pkey PRIMARY KEY,
    id         text NOT NULL,
    version    bigint NOT NULL,
    lines      json NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- What the purge finds a cart by. Each save moves expires_at; an index on that would make each save write all
    -- indexes anew. The day changes once a day.
    expires_on date NOT NULL GENERATED ALWAYS AS ((expires_at AT TIME ZONE 'UTC')::date) STORED
) WITH (fillfactor = 70);

CREATE TABLE idempotency_key (
    key          text COLLATE "C" CONSTRAINT idempotency_key_pkey PRIMARY KEY,
    request_hash text NOT NULL,
    lease_until  timestamptz NOT NULL,
    order_id     text,
    -- Text, not JSON: an answer is repeated byte by byte.
    outcome      text,
    expires_at   timestamptz NOT NULL
);

CREATE TABLE customer_order (
    id       text COLLATE "C" CONSTRAINT customer_order_pkey PRIMARY KEY,
    owner    text COLLATE "C" NOT NULL,
    position text COLLATE "C" NOT NULL CONSTRAINT customer_order_position_key UNIQUE,
    version  bigint NOT NULL,
    -- When the worker advances the order; null when nothing is open.
    due_at   timestamptz,
    summary  json NOT NULL,
    document json NOT NULL,
    email    text COLLATE "C" NOT NULL GENERATED ALWAYS AS (summary ->> 'email') STORED
) WITH (toast_tuple_target = 1024);

ALTER TABLE customer_order ALTER COLUMN summary SET STORAGE MAIN;

CREATE INDEX customer_order_owner ON customer_order (owner, position);
CREATE INDEX customer_order_email ON customer_order (email, position);
-- Orders with something open only: a handful of all there are.
CREATE INDEX customer_order_due ON customer_order (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE outbox (
    id           text COLLATE "C" CONSTRAINT outbox_pkey PRIMARY KEY,
    topic        text NOT NULL,
    -- What the message is about: an order or a SKU.
    subject      text NOT NULL,
    occurred_at  timestamptz NOT NULL,
    -- When it left the outbox: delivered, or in the backlogs of consumers.
    delivered_at timestamptz
);

CREATE INDEX outbox_waiting ON outbox (id COLLATE "C") WHERE delivered_at IS NULL;

-- Messages that have left the outbox, for the consumers that have not accepted them.
CREATE TABLE outbox_backlog (
    consumer    text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    topic       text NOT NULL,
    subject     text NOT NULL,
    occurred_at timestamptz NOT NULL,
    CONSTRAINT outbox_backlog_pkey PRIMARY KEY (consumer, id)
);

-- What one process does at a time.
CREATE TABLE lease (
    name       text COLLATE "C" CONSTRAINT lease_pkey PRIMARY KEY,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Takes a key: no row when it was free or had expired, else the record under it. A caller that comes while another
-- is taking the key waits at the index; its next statement sees what the other has committed.
CREATE FUNCTION claim_idempotency_key(p jsonb) RETURNS TABLE (
    request_hash text, lease_until timestamptz, order_id text, outcome text
) LANGUAGE plpgsql AS $$
DECLARE
    given record;
BEGIN
    SELECT * INTO given FROM jsonb_to_record(p) AS (
        key text, request_hash text, lease_until timestamptz, order_id text, expires_at timestamptz, now timestamptz
    );
    LOOP
        INSERT INTO idempotency_key (key, request_hash, lease_until, order_id, expires_at)
        VALUES (given.key, given.request_hash, given.lease_until, given.order_id, given.expires_at)
        ON CONFLICT (key) DO NOTHING;
        IF FOUND THEN RETURN; END IF;

        RETURN QUERY SELECT k.request_hash, k.lease_until, k.order_id, k.outcome FROM idempotency_key k
        WHERE k.key = given.key AND k.expires_at > given.now;
        IF FOUND THEN RETURN; END IF;

        UPDATE idempotency_key SET
            request_hash = given.request_hash, lease_until = given.lease_until, order_id = given.order_id,
            outcome = NULL, expires_at = given.expires_at
        WHERE key = given.key AND expires_at <= given.now;
        IF FOUND THEN RETURN; END IF;
        -- Another caller replaced or freed it in between: read again.
    END LOOP;
END;
$$;

-- Writes the answer under a key that is taken and has none. With the effect of the command in one function, so that no
-- crash separates them.
CREATE FUNCTION answer_key(p jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE idempotency_key SET outcome = p ->> 'outcome' WHERE key = p ->> 'key' AND outcome IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key is free or has an answer' USING ERRCODE = 'SE002';
    END IF;
END;
$$;

-- Writes a cart in place of the version before it; version 1 in place of none or of an expired one. With an answer only
-- if the answer can be written under its key.
CREATE FUNCTION save_cart(p jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    given record;
BEGIN
    IF jsonb_typeof(p -> 'answer') = 'object' THEN
        PERFORM answer_key(p -> 'answer');
    END IF;
    SELECT * INTO given FROM jsonb_to_record(p) AS (
        owner text, id text, version bigint, lines text, updated_at timestamptz, expires_at timestamptz
    );
    IF given.version = 1 THEN
        INSERT INTO cart AS c (owner, id, version, lines, updated_at, expires_at)
        VALUES (given.owner, given.id, given.version, given.lines::json, given.updated_at, given.expires_at)
        ON CONFLICT (owner) DO UPDATE SET
            id = excluded.id, version = excluded.version, lines = excluded.lines, updated_at = excluded.updated_at,
            expires_at = excluded.expires_at
        WHERE c.expires_at <= excluded.updated_at;
    ELSE
        UPDATE cart SET
            id = given.id, version = given.version, lines = given.lines::json, updated_at = given.updated_at,
            expires_at = given.expires_at
        WHERE owner = given.owner AND version = given.version - 1 AND expires_at > given.updated_at;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the cart has another version' USING ERRCODE = 'SE002';
    END IF;
END;
$$;

-- Writes the merged cart and removes its source. Both rows are locked in one order first: two devices that sign in at
-- once must not wait for each other.
CREATE FUNCTION merge_carts(p jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    given record;
BEGIN
    SELECT s.owner AS source_owner, s.version AS source_version, m.owner AS merged_owner, m.updated_at INTO given
    FROM jsonb_to_record(p -> 'source') AS s (owner text, version bigint),
        jsonb_to_record(p -> 'merged') AS m (owner text, updated_at timestamptz);
    PERFORM FROM cart WHERE owner IN (given.source_owner, given.merged_owner) ORDER BY owner FOR UPDATE;
    DELETE FROM cart
    WHERE owner = given.source_owner AND version = given.source_version AND expires_at > given.updated_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the source cart has another version' USING ERRCODE = 'SE002';
    END IF;
    PERFORM save_cart(p -> 'merged');
END;
$$;

-- Part of the functions below; p is an array.
CREATE FUNCTION write_outbox(p jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (id, topic, subject, occurred_at)
    SELECT id, topic, subject, occurred_at
    FROM jsonb_to_recordset(p) AS m (id text, topic text, subject text, occurred_at timestamptz);
$$;

-- Places an order: no row when it was placed, else the record under its key, and nothing is changed.
CREATE FUNCTION place_order(p jsonb) RETURNS TABLE (
    request_hash text, lease_until timestamptz, order_id text, outcome text
) LANGUAGE plpgsql AS $$
DECLARE
    given record;
    wanted record;
BEGIN
    RETURN QUERY SELECT * FROM claim_idempotency_key(p -> 'claim');
    IF FOUND THEN RETURN; END IF;

    SELECT * INTO given FROM jsonb_to_record(p -> 'order') AS (
        id text, owner text, position text, version bigint, placed_at timestamptz, due_at timestamptz,
        reservations jsonb, summary text, document text
    );
    UPDATE cart SET lines = '[]', version = version + 1, updated_at = given.placed_at
    WHERE owner = given.owner AND version = (p -> 'cart_version')::bigint AND expires_at > given.placed_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the cart has another version' USING ERRCODE = 'SE002';
    END IF;

    INSERT INTO customer_order (id, owner, position, version, due_at, summary, document) VALUES (
        given.id, given.owner, given.position, given.version, given.due_at, given.summary::json, given.document::json
    );
    PERFORM write_outbox(p -> 'messages');

    FOR wanted IN
        SELECT sku, sum(quantity)::bigint AS quantity
        FROM jsonb_to_recordset(given.reservations) AS r (sku text, quantity bigint)
        GROUP BY sku ORDER BY sku COLLATE "C"
    LOOP
        UPDATE stock_level SET available = available - wanted.quantity, reserved = reserved + wanted.quantity
        WHERE sku = wanted.sku AND available >= wanted.quantity;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'not enough in stock' USING ERRCODE = 'SE001', DETAIL = wanted.sku;
        END IF;
    END LOOP;
END;
$$;

-- Writes the next step of an order, and the answer under its key unless there is one. stock_effect is keep, commit
-- (reserved units are sold), release (they are available again) or restock (sold units are available again).
CREATE FUNCTION advance_order(p jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    stock_effect text := p ->> 'stock_effect';
    given record;
    held record;
BEGIN
    SELECT * INTO given FROM jsonb_to_record(p -> 'order') AS (
        id text, owner text, version bigint, due_at timestamptz, reservations jsonb, summary text, document text
    );
    UPDATE customer_order SET
        owner = given.owner, version = given.version, due_at = given.due_at, summary = given.summary::json,
        document = given.document::json
    WHERE id = given.id AND version = given.version - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the order has another version' USING ERRCODE = 'SE002';
    END IF;
    UPDATE idempotency_key SET outcome = p #>> '{answer,outcome}'
    WHERE key = p #>> '{answer,key}' AND outcome IS NULL;
    PERFORM write_outbox(p -> 'messages');
    IF stock_effect = 'keep' THEN RETURN; END IF;

    FOR held IN
        SELECT sku, sum(quantity)::bigint AS quantity
        FROM jsonb_to_recordset(given.reservations) AS r (sku text, quantity bigint)
        GROUP BY sku ORDER BY sku COLLATE "C"
    LOOP
        UPDATE stock_level SET
            reserved = reserved - CASE stock_effect WHEN 'restock' THEN 0 ELSE held.quantity END,
            sold = sold + CASE stock_effect
                WHEN 'commit' THEN held.quantity
                WHEN 'restock' THEN -held.quantity
                ELSE 0
            END,
            available = available + CASE stock_effect WHEN 'commit' THEN 0 ELSE held.quantity END
        WHERE sku = held.sku;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'an order holds stock of % that has no level', held.sku;
        END IF;
    END LOOP;
END;
$$;

-- Moves the available units of one SKU to another, and returns their number; NULL if the first has no level. Both rows
-- exist before they are locked, so that every writer locks in the order of place_order. The lock is a statement of its
-- own: what follows sees every change that it waited for.
CREATE FUNCTION move_available(from_sku text, to_sku text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    units bigint;
BEGIN
    INSERT INTO stock_level (sku, available, reserved, sold, received)
    SELECT to_sku, 0, 0, 0, 0 FROM stock_level WHERE sku = from_sku
    ON CONFLICT (sku) DO NOTHING;
    PERFORM FROM stock_level WHERE sku IN (from_sku, to_sku) ORDER BY sku COLLATE "C" FOR UPDATE;
    UPDATE stock_level SET available = available + moved.units, received = received + moved.units
    FROM (SELECT available AS units FROM stock_level WHERE sku = from_sku) AS moved
    WHERE sku = to_sku RETURNING moved.units INTO units;
    UPDATE stock_level SET available = available - units, received = received - units WHERE sku = from_sku;
    RETURN units;
END;
$$;

-- Writes a level in place of the one that was seen, or the first one when none was seen; and the answer under its key.
CREATE FUNCTION replace_stock_level(p jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    given record;
BEGIN
    PERFORM answer_key(p -> 'answer');
    SELECT * INTO given FROM jsonb_to_record(p -> 'next') AS (sku text, available bigint, received bigint);
    IF jsonb_typeof(p -> 'seen') = 'object' THEN
        UPDATE stock_level l SET available = given.available, received = given.received
        FROM jsonb_to_record(p -> 'seen') AS seen (available bigint, reserved bigint, sold bigint, received bigint)
        WHERE l.sku = given.sku AND l.available = seen.available AND l.reserved = seen.reserved
            AND l.sold = seen.sold AND l.received = seen.received;
    ELSE
        INSERT INTO stock_level (sku, available, reserved, sold, received)
        VALUES (given.sku, given.available, 0, 0, given.received) ON CONFLICT (sku) DO NOTHING;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the level has changed' USING ERRCODE = 'SE002';
    END IF;
END;
$$;

-- Accounts: customers and their sessions.

CREATE TABLE customer (
    id       text COLLATE "C" CONSTRAINT customer_pkey PRIMARY KEY,
    -- Null while it waits for its confirmation.
    email    text COLLATE "C" CONSTRAINT customer_email_key UNIQUE,
    document json NOT NULL
);

CREATE TABLE session (
    token_digest     text COLLATE "C" CONSTRAINT session_pkey PRIMARY KEY,
    customer_id      text COLLATE "C" NOT NULL,
    -- Changes of the customer's password at sign-in.
    password_changes bigint NOT NULL DEFAULT 0,
    signed_in_at     timestamptz NOT NULL,
    -- Browser and system at sign-in, if known.
    device           text,
    expires_at       timestamptz NOT NULL
);

-- The sessions of a customer, newest first.
CREATE INDEX session_customer ON session (customer_id, expires_at DESC, token_digest);

-- Failed attempts to sign in or register, by a digest of who made them and on what.
CREATE TABLE failed_attempt (
    key        text COLLATE "C" CONSTRAINT failed_attempt_pkey PRIMARY KEY,
    failures   integer NOT NULL CONSTRAINT failed_attempt_failures_check CHECK (failures > 0),
    last_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Settings of the shop. The highest version is in force; none is changed or removed, because orders refer to it.

CREATE TABLE settings (
    version    bigint CONSTRAINT settings_pkey PRIMARY KEY,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    -- Parts of the settings that differ from the version before.
    sections   text[] NOT NULL,
    document   json NOT NULL
);

-- The worker removes expired rows: they must be found without reading whole tables.

CREATE INDEX idempotency_key_expiry ON idempotency_key (expires_at);
CREATE INDEX cart_expiry ON cart (expires_on);
CREATE INDEX session_expiry ON session (expires_at);
CREATE INDEX failed_attempt_expiry ON failed_attempt (expires_at);
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;
