-- Organisations and the virtual keys their teams call the gateway with.

CREATE TABLE organisations (
    slug          TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    zone          TEXT   NOT NULL,
    created_at_us BIGINT NOT NULL
);

CREATE TABLE keys (
    id                       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    -- blake3 of the whole secret; the secret itself is never stored.
    hash                     BYTEA  NOT NULL UNIQUE CHECK (length(hash) = 32),
    -- The first characters of the secret, to tell keys apart on a page.
    prefix                   TEXT   NOT NULL,
    name                     TEXT   NOT NULL,
    organisation             TEXT   COLLATE "C" NOT NULL REFERENCES organisations (slug),
    team                     TEXT   COLLATE "C" NOT NULL,
    project                  TEXT,
    user_id                  TEXT,
    feature                  TEXT,
    -- JSON list of models or routes as clients name them; empty allows all.
    allowed_models           TEXT   NOT NULL,
    -- JSON list of the attribution fields the client may set itself.
    trust_client_attribution TEXT   NOT NULL,
    created_at_us            BIGINT NOT NULL,
    expires_at_us            BIGINT,
    revoked_at_us            BIGINT,
    last_used_at_us          BIGINT
);

CREATE INDEX keys_by_team ON keys (organisation, team);

-- The revision rises in the same transaction as the write, whoever makes it. The time of last use is
-- left out: it changes all the time and no snapshot shows it.
CREATE TRIGGER organisations_raise_revision AFTER INSERT OR UPDATE OR DELETE ON organisations
    FOR EACH ROW EXECUTE FUNCTION raise_policy_revision();

CREATE TRIGGER keys_raise_revision AFTER INSERT OR DELETE ON keys
    FOR EACH ROW EXECUTE FUNCTION raise_policy_revision();

CREATE TRIGGER keys_update_raises_revision
    AFTER UPDATE OF id, hash, prefix, name, organisation, team, project, user_id, feature,
        allowed_models, trust_client_attribution, created_at_us, expires_at_us, revoked_at_us ON keys
    FOR EACH ROW EXECUTE FUNCTION raise_policy_revision();
