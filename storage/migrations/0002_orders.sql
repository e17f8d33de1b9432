-- Stock, carts, idempotency keys, orders and the outbox: what one order writes together.
--
-- Every function below is one statement for the caller: it runs at READ COMMITTED and does all or nothing. Each locks
-- in the order key or order, cart, stock by rising SKU, and touches stock last: the row of a popular article
-- is locked only while the transaction commits.
--
-- From its expires_at on a cart counts as none, also while its row is still here.
--
-- SE001: too few units of the SKU in the detail. SE002: the cart or order has another version.

CREATE TABLE stock_level (
    sku       text COLLATE "C" CONSTRAINT stock_level_pkey PRIMARY KEY,
    available bigint NOT NULL CONSTRAINT stock_level_available CHECK (available >= 0),
    reserved  bigint NOT NULL CONSTRAINT stock_level_reserved CHECK (reserved >= 0),
    sold      bigint NOT NULL CONSTRAINT stock_level_sold CHECK (sold >= 0),
    -- The largest number the shop can read back.
    received  bigint NOT NULL CONSTRAINT stock_level_received CHECK (received <= 4294967295),
    CONSTRAINT stock_level_sum CHECK (available + reserved + sold = received)
-- Room on the page for new versions of a row that every order of an article rewrites.
) WITH (fillfactor = 50);

CREATE TABLE cart (
    owner      text COLLATE "C" CONSTRAINT cart_pkey PRIMARY KEY,
    id         text NOT NULL,
    version    bigint NOT NULL,
    lines      json NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE idempotency_key (
    key          text COLLATE "C" CONSTRAINT idempotency_key_pkey PRIMARY KEY,
    request_hash text NOT NULL,
    lease_until  timestamptz NOT NULL,
    order_id     text,
    -- Text, not JSON: an answer is given again byte by byte.
    outcome      text,
    expires_at   timestamptz NOT NULL
);

CREATE TABLE customer_order (
    id       text COLLATE "C" CONSTRAINT customer_order_pkey PRIMARY KEY,
    owner    text COLLATE "C" NOT NULL,
    position text COLLATE "C" NOT NULL CONSTRAINT customer_order_position_key UNIQUE,
    version  bigint NOT NULL,
    summary  json NOT NULL,
    document json NOT NULL
) WITH (toast_tuple_target = 1024);

ALTER TABLE customer_order ALTER COLUMN summary SET STORAGE MAIN;

CREATE INDEX customer_order_owner ON customer_order (owner, position);

CREATE TABLE outbox (
    id          text COLLATE "C" CONSTRAINT outbox_pkey PRIMARY KEY,
    topic       text NOT NULL,
    order_id    text NOT NULL,
    occurred_at timestamptz NOT NULL
);

-- Takes a key: no row when it was free or had expired, else the record under it. A caller that comes while another
-- is taking the key waits at the index; its next statement sees what the other has committed.
CREATE FUNCTION claim_idempotency_key(
    new_key text, new_request_hash text, new_lease_until timestamptz, new_order_id text, new_expires_at timestamptz,
    at_time timestamptz
) RETURNS SETOF idempotency_key LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        INSERT INTO idempotency_key (key, request_hash, lease_until, order_id, expires_at)
        VALUES (new_key, new_request_hash, new_lease_until, new_order_id, new_expires_at)
        ON CONFLICT (key) DO NOTHING;
        IF FOUND THEN RETURN; END IF;

        RETURN QUERY SELECT k.* FROM idempotency_key k WHERE k.key = new_key AND k.expires_at > at_time;
        IF FOUND THEN RETURN; END IF;

        UPDATE idempotency_key SET
            request_hash = new_request_hash, lease_until = new_lease_until, order_id = new_order_id, outcome = NULL,
            expires_at = new_expires_at
        WHERE key = new_key AND expires_at <= at_time;
        IF FOUND THEN RETURN; END IF;
        -- Someone replaced or freed it in between: look again.
    END LOOP;
END;
$$;

-- Writes a cart in place of the version before it; version 1 in place of none or of an expired one.
CREATE FUNCTION save_cart(
    the_owner text, new_id text, new_version bigint, new_lines json, new_updated_at timestamptz,
    new_expires_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF new_version = 1 THEN
        INSERT INTO cart AS c (owner, id, version, lines, updated_at, expires_at)
        VALUES (the_owner, new_id, new_version, new_lines, new_updated_at, new_expires_at)
        ON CONFLICT (owner) DO UPDATE SET
            id = excluded.id, version = excluded.version, lines = excluded.lines, updated_at = excluded.updated_at,
            expires_at = excluded.expires_at
        WHERE c.expires_at <= excluded.updated_at;
    ELSE
        UPDATE cart SET
            id = new_id, version = new_version, lines = new_lines, updated_at = new_updated_at,
            expires_at = new_expires_at
        WHERE owner = the_owner AND version = new_version - 1 AND expires_at > new_updated_at;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the cart has another version' USING ERRCODE = 'SE002';
    END IF;
END;
$$;

-- Writes the merged cart and removes the one it took in. Both rows are locked in one order first: two devices that
-- sign in at once must not wait for each other.
CREATE FUNCTION merge_carts(
    source_owner text, source_version bigint, the_owner text, new_id text, new_version bigint, new_lines json,
    new_updated_at timestamptz, new_expires_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM cart WHERE owner IN (source_owner, the_owner) ORDER BY owner FOR UPDATE;
    DELETE FROM cart WHERE owner = source_owner AND version = source_version AND expires_at > new_updated_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the source cart has another version' USING ERRCODE = 'SE002';
    END IF;
    PERFORM save_cart(the_owner, new_id, new_version, new_lines, new_updated_at, new_expires_at);
END;
$$;

CREATE FUNCTION write_outbox(
    message_ids text[], topics text[], order_ids text[], occurred_ats timestamptz[]
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (id, topic, order_id, occurred_at)
    SELECT * FROM unnest(message_ids, topics, order_ids, occurred_ats);
$$;

-- Places an order: no row when it was placed, else the record under its key, and nothing is changed.
CREATE FUNCTION place_order(
    the_key text, new_request_hash text, new_lease_until timestamptz, key_order_id text,
    new_key_expires_at timestamptz,
    new_order_id text, the_owner text, new_position text, new_version bigint, new_summary json, new_document json,
    placed_at timestamptz, the_cart_version bigint, skus text[], quantities bigint[],
    message_ids text[], topics text[], message_order_ids text[], occurred_ats timestamptz[]
) RETURNS SETOF idempotency_key LANGUAGE plpgsql AS $$
DECLARE
    wanted record;
BEGIN
    RETURN QUERY SELECT * FROM claim_idempotency_key(
        the_key, new_request_hash, new_lease_until, key_order_id, new_key_expires_at, placed_at
    );
    IF FOUND THEN RETURN; END IF;

    UPDATE cart SET lines = '[]', version = version + 1, updated_at = placed_at
    WHERE owner = the_owner AND version = the_cart_version AND expires_at > placed_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the cart has another version' USING ERRCODE = 'SE002';
    END IF;

    INSERT INTO customer_order (id, owner, position, version, summary, document)
    VALUES (new_order_id, the_owner, new_position, new_version, new_summary, new_document);
    PERFORM write_outbox(message_ids, topics, message_order_ids, occurred_ats);

    FOR wanted IN
        SELECT sku, sum(quantity)::bigint AS quantity FROM unnest(skus, quantities) AS w (sku, quantity)
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

-- Writes the next step of an order. stock_effect is keep, commit (reserved units are sold) or release (they are
-- available again).
CREATE FUNCTION advance_order(
    the_order_id text, new_version bigint, new_summary json, new_document json,
    stock_effect text, skus text[], quantities bigint[], the_key text, the_outcome text,
    message_ids text[], topics text[], message_order_ids text[], occurred_ats timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    held record;
BEGIN
    UPDATE customer_order SET version = new_version, summary = new_summary, document = new_document
    WHERE id = the_order_id AND version = new_version - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the order has another version' USING ERRCODE = 'SE002';
    END IF;
    UPDATE idempotency_key SET outcome = the_outcome WHERE key = the_key AND outcome IS NULL;
    PERFORM write_outbox(message_ids, topics, message_order_ids, occurred_ats);
    IF stock_effect = 'keep' THEN RETURN; END IF;

    FOR held IN
        SELECT sku, sum(quantity)::bigint AS quantity FROM unnest(skus, quantities) AS h (sku, quantity)
        GROUP BY sku ORDER BY sku COLLATE "C"
    LOOP
        UPDATE stock_level SET
            reserved = reserved - held.quantity,
            sold = sold + CASE stock_effect WHEN 'commit' THEN held.quantity ELSE 0 END,
            available = available + CASE stock_effect WHEN 'release' THEN held.quantity ELSE 0 END
        WHERE sku = held.sku;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'an order holds stock of % that has no level', held.sku;
        END IF;
    END LOOP;
END;
$$;
