-- Client keys. The secret itself is shown once, at creation, and never stored.

CREATE TABLE client_key (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret_sha256 BLOB NOT NULL UNIQUE,
    models TEXT,                -- JSON array of model ids the key may use; NULL: all
    created_at_us INTEGER NOT NULL,
    revoked_at_us INTEGER
) WITHOUT ROWID;
