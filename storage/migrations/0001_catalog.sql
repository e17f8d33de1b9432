-- Products, their SKUs, the words they are found by, categories.
--
-- A product is kept as the JSON document the shop wrote. Columns beside it exist only where a condition or an order
-- needs them. Text that is compared or sorted is COLLATE "C": bytewise, as on DynamoDB.

CREATE TABLE product (
    -- Short key for the rows that point here; the shop's own id is in the document.
    product           bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT product_pkey PRIMARY KEY,
    handle            text COLLATE "C" NOT NULL CONSTRAINT product_handle_key UNIQUE,
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

CREATE TABLE product_sku (
    sku     text COLLATE "C" CONSTRAINT product_sku_pkey PRIMARY KEY,
    product bigint NOT NULL CONSTRAINT product_sku_product_fkey REFERENCES product
);

CREATE INDEX product_sku_product ON product_sku (product);

-- No foreign key: only upsert_product writes here, and checking 200 terms per product costs more than writing them.
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

-- Writes a product and everything it is found by; tells whether it is new. The product's row is locked first, so two
-- writers of one product follow each other; SKUs are taken and given up in sorted order, so two products that hand
-- SKUs to each other cannot wait for each other.
-- SE003: the SKU in the detail belongs to another product.
CREATE FUNCTION upsert_product(
    new_handle text, new_is_active boolean, new_category_handle text, new_category_title text,
    new_position_newest text, new_position_title text, new_position_cheapest text, new_position_dearest text,
    new_skus text[], new_terms text[], new_weights smallint[], new_summary json, new_document json
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    the_product bigint;
    old_terms text[];
    old_weights smallint[];
    created boolean := false;
    changed record;
BEGIN
    LOOP
        SELECT p.product, p.terms, p.weights INTO the_product, old_terms, old_weights
        FROM product p WHERE p.handle = new_handle FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO product AS p (
            handle, is_active, category_handle, position_newest, position_title, position_cheapest, position_dearest,
            terms, weights, summary, document
        ) VALUES (
            new_handle, new_is_active, new_category_handle, new_position_newest, new_position_title,
            new_position_cheapest, new_position_dearest, new_terms, new_weights, new_summary, new_document
        ) ON CONFLICT (handle) DO NOTHING RETURNING p.product INTO the_product;
        created := FOUND;
        EXIT WHEN created;
    END LOOP;

    IF NOT created THEN
        UPDATE product SET
            is_active = new_is_active, category_handle = new_category_handle, position_newest = new_position_newest,
            position_title = new_position_title, position_cheapest = new_position_cheapest,
            position_dearest = new_position_dearest, terms = new_terms, weights = new_weights,
            summary = new_summary, document = new_document
        WHERE product = the_product;
    END IF;

    FOR changed IN
        SELECT coalesce(n.sku, o.sku) AS sku, n.sku IS NOT NULL AS is_new
        FROM (SELECT DISTINCT sku FROM unnest(new_skus) AS u (sku)) n
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
        SELECT term, the_product, weight FROM unnest(new_terms, new_weights) AS n (term, weight);
    ELSIF (old_terms, old_weights) IS DISTINCT FROM (new_terms, new_weights) THEN
        DELETE FROM search_term t
        USING (SELECT unnest(old_terms) EXCEPT SELECT unnest(new_terms)) AS gone (term)
        WHERE t.term = gone.term AND t.product = the_product;
        INSERT INTO search_term (term, product, weight)
        SELECT term, the_product, weight FROM (
            SELECT * FROM unnest(new_terms, new_weights) EXCEPT SELECT * FROM unnest(old_terms, old_weights)
        ) AS c (term, weight)
        ON CONFLICT (term, product) DO UPDATE SET weight = excluded.weight;
    END IF;

    -- Looks before it writes: an import of thousands of products must not queue up at one category's row.
    IF new_category_handle IS NOT NULL AND NOT EXISTS (
        SELECT FROM category c WHERE c.handle = new_category_handle AND c.title = new_category_title
    ) THEN
        INSERT INTO category (handle, title) VALUES (new_category_handle, new_category_title)
        ON CONFLICT (handle) DO UPDATE SET title = excluded.title;
    END IF;
    RETURN created;
END;
$$;
