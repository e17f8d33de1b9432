-- What the worker needs: which orders have something open, which messages still wait; and units that come back.

ALTER TABLE customer_order ADD COLUMN due_at timestamptz;

-- Orders with something open only: a handful of all there are.
CREATE INDEX customer_order_due ON customer_order (due_at) WHERE due_at IS NOT NULL;

-- A message may be about an article.
ALTER TABLE outbox RENAME COLUMN order_id TO subject;
ALTER TABLE outbox ADD COLUMN delivered_at timestamptz;

CREATE INDEX outbox_waiting ON outbox (id COLLATE "C") WHERE delivered_at IS NULL;

CREATE OR REPLACE FUNCTION write_outbox(
    message_ids text[], topics text[], order_ids text[], occurred_ats timestamptz[]
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (id, topic, subject, occurred_at)
    SELECT * FROM unnest(message_ids, topics, order_ids, occurred_ats);
$$;

DROP FUNCTION place_order(
    text, text, timestamptz, text, timestamptz, text, text, text, bigint, json, json, timestamptz, bigint, text[],
    bigint[], text[], text[], text[], timestamptz[]
);

-- Places an order: no row when it was placed, else the record under its key, and nothing is changed.
CREATE FUNCTION place_order(
    the_key text, new_request_hash text, new_lease_until timestamptz, key_order_id text,
    new_key_expires_at timestamptz,
    new_order_id text, the_owner text, new_position text, new_version bigint, new_summary json, new_document json,
    new_due_at timestamptz, placed_at timestamptz, the_cart_version bigint, skus text[], quantities bigint[],
    message_ids text[], topics text[], subjects text[], occurred_ats timestamptz[]
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

    INSERT INTO customer_order (id, owner, position, version, summary, document, due_at)
    VALUES (new_order_id, the_owner, new_position, new_version, new_summary, new_document, new_due_at);
    PERFORM write_outbox(message_ids, topics, subjects, occurred_ats);

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

DROP FUNCTION advance_order(
    text, bigint, json, json, text, text[], bigint[], text, text, text[], text[], text[], timestamptz[]
);

-- Writes the next step of an order. stock_effect is keep, commit (reserved units are sold), release (they are
-- available again) or restock (sold units are available again).
CREATE FUNCTION advance_order(
    the_order_id text, new_version bigint, new_summary json, new_document json, new_due_at timestamptz,
    stock_effect text, skus text[], quantities bigint[], the_key text, the_outcome text,
    message_ids text[], topics text[], subjects text[], occurred_ats timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    held record;
BEGIN
    UPDATE customer_order SET version = new_version, summary = new_summary, document = new_document, due_at = new_due_at
    WHERE id = the_order_id AND version = new_version - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the order has another version' USING ERRCODE = 'SE002';
    END IF;
    UPDATE idempotency_key SET outcome = the_outcome WHERE key = the_key AND outcome IS NULL;
    PERFORM write_outbox(message_ids, topics, subjects, occurred_ats);
    IF stock_effect = 'keep' THEN RETURN; END IF;

    FOR held IN
        SELECT sku, sum(quantity)::bigint AS quantity FROM unnest(skus, quantities) AS h (sku, quantity)
        GROUP BY sku ORDER BY sku COLLATE "C"
    LOOP
        UPDATE stock_level SET
            reserved = reserved - CASE stock_effect WHEN 'restock' THEN 0 ELSE held.quantity END,
            sold = sold + CASE stock_effect WHEN 'commit' THEN held.quantity WHEN 'restock' THEN -held.quantity ELSE 0 END,
            available = available + CASE stock_effect WHEN 'commit' THEN 0 ELSE held.quantity END
        WHERE sku = held.sku;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'an order holds stock of % that has no level', held.sku;
        END IF;
    END LOOP;
END;
$$;

-- Orders that were open before there was a worker.
UPDATE customer_order SET due_at = now() WHERE summary ->> 'state' = 'pending';
