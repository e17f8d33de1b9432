-- Rows that are over are removed by the worker: what tells them must be found without reading the tables whole.

CREATE INDEX idempotency_key_expiry ON idempotency_key (expires_at);
CREATE INDEX session_expiry ON session (expires_at);
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;

-- Each save of a cart moves its expires_at on. An index on that would make each save write all indexes anew; the day
-- changes once a day.
ALTER TABLE cart ADD COLUMN expires_on date NOT NULL GENERATED ALWAYS AS ((expires_at AT TIME ZONE 'UTC')::date) STORED;
CREATE INDEX cart_expiry ON cart (expires_on);
