-- Prices: layers of price files, which of them are in force, and every price book that ever priced.

-- Grain: one row for each text of a layer. Nothing in it ever changes.
-- Key: hash, blake3 over kind, name and text.
-- Clock: that of the process that recorded it.
CREATE TABLE price_layers (
    hash           BYTEA  NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    kind           TEXT   COLLATE "C" NOT NULL
                   CHECK (kind IN ('embedded', 'imported', 'operator', 'contract')),
    -- What the layer is known by: of one kind and name one layer is in force.
    name           TEXT   COLLATE "C" NOT NULL,
    -- What the source calls the state it was read in, such as a commit or a date.
    source_version TEXT,
    -- A price file, JSON.
    text           TEXT   NOT NULL,
    recorded_at_us BIGINT NOT NULL,
    recorded_by    TEXT   NOT NULL
);

-- Grain: one row for each time a layer came into force in place of the one before.
-- Key: seq, from 1 without gaps; the layer in force of a kind and name is that of the highest.
CREATE TABLE price_changes (
    seq            BIGINT NOT NULL PRIMARY KEY,
    kind           TEXT   COLLATE "C" NOT NULL,
    name           TEXT   COLLATE "C" NOT NULL,
    layer          BYTEA  NOT NULL REFERENCES price_layers (hash),
    recorded_at_us BIGINT NOT NULL,
    recorded_by    TEXT   NOT NULL
);

CREATE INDEX price_changes_by_layer ON price_changes (kind, name, seq);

-- Grain: one row for each price book: what a ledger row names as its `price_version`.
CREATE TABLE price_books (
    version        TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    recorded_at_us BIGINT NOT NULL,
    recorded_by    TEXT   NOT NULL
);

CREATE INDEX price_books_by_time ON price_books (recorded_at_us, version);

-- Grain: one row for each layer of a price book, in the order they are laid.
CREATE TABLE price_book_layers (
    version  TEXT   COLLATE "C" NOT NULL REFERENCES price_books (version),
    position BIGINT NOT NULL,
    layer    BYTEA  NOT NULL REFERENCES price_layers (hash),
    PRIMARY KEY (version, position)
);

-- `prices` counts changes: the highest `seq`. Whoever changes prices holds a lock on its row.
INSERT INTO revisions (name, revision) VALUES ('prices', 0);

-- A snapshot is compiled from the layers in force.
CREATE TRIGGER price_changes_raise_revision AFTER INSERT ON price_changes
    FOR EACH ROW EXECUTE FUNCTION raise_policy_revision();

CREATE FUNCTION refuse_price_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a recorded price never changes';
END
$$;

CREATE TRIGGER price_layers_refuse_change BEFORE UPDATE OR DELETE ON price_layers
    FOR EACH ROW EXECUTE FUNCTION refuse_price_change();

CREATE TRIGGER price_layers_refuse_truncate BEFORE TRUNCATE ON price_layers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_price_change();

CREATE TRIGGER price_book_layers_refuse_change BEFORE UPDATE OR DELETE ON price_book_layers
    FOR EACH ROW EXECUTE FUNCTION refuse_price_change();

CREATE TRIGGER price_book_layers_refuse_truncate BEFORE TRUNCATE ON price_book_layers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_price_change();
