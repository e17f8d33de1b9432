-- Commands under an idempotency key: effect and answer in one statement, so that no crash parts them.

-- Writes the answer under a key that is taken and has none.
CREATE FUNCTION answer_key(the_key text, the_outcome text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE idempotency_key SET outcome = the_outcome WHERE key = the_key AND outcome IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key is free or has an answer' USING ERRCODE = 'SE002';
    END IF;
END;
$$;

CREATE FUNCTION save_cart_under_key(
    the_key text, the_outcome text, the_owner text, new_id text, new_version bigint, new_lines json,
    new_updated_at timestamptz, new_expires_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM answer_key(the_key, the_outcome);
    PERFORM save_cart(the_owner, new_id, new_version, new_lines, new_updated_at, new_expires_at);
END;
$$;

-- Writes a level in place of the one that was seen; seen_received is null when there was none.
CREATE FUNCTION replace_stock_level_under_key(
    the_key text, the_outcome text, the_sku text, seen_available bigint, seen_reserved bigint, seen_sold bigint,
    seen_received bigint, new_available bigint, new_received bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM answer_key(the_key, the_outcome);
    IF seen_received IS NULL THEN
        INSERT INTO stock_level (sku, available, reserved, sold, received)
        VALUES (the_sku, new_available, 0, 0, new_received) ON CONFLICT (sku) DO NOTHING;
    ELSE
        UPDATE stock_level SET available = new_available, received = new_received
        WHERE sku = the_sku AND available = seen_available AND reserved = seen_reserved AND sold = seen_sold
            AND received = seen_received;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the level has changed' USING ERRCODE = 'SE002';
    END IF;
END;
$$;
