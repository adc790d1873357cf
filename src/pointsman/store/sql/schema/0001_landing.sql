-- The landing store: one row per turn, one per model call, and every message body once.
-- Money is whole pico-dollars (1e-12 USD), so that sums are exact. NULL always means unknown, never zero.

PRAGMA application_id = 1886221105;  -- "pms1": tells our files from other programs' databases

CREATE TABLE body (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,  -- blake2b, 16 bytes, of the plain bytes
    data BLOB NOT NULL          -- first byte: 0 plain, 1 zstd
);

CREATE TABLE turn (
    seq INTEGER PRIMARY KEY,    -- order of commit
    id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,     -- Unix time, microseconds
    dialect TEXT NOT NULL,
    status TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    model TEXT NOT NULL,        -- the model that answered; the decided one when none did
    route TEXT NOT NULL,
    tier TEXT NOT NULL,
    intent TEXT,
    policy TEXT NOT NULL,
    confidence REAL,
    key_id TEXT,
    channel TEXT NOT NULL,
    stream INTEGER NOT NULL,
    http_status INTEGER NOT NULL,
    error_code TEXT,
    duration_ms REAL NOT NULL,
    ttft_ms REAL,
    gateway_us REAL,
    input_uncached INTEGER,     -- NULL: the usage is unknown
    output INTEGER,
    cache_read INTEGER,
    cache_write INTEGER,
    cache_write_1h INTEGER,     -- part of cache_write
    reasoning INTEGER,          -- part of output
    cost_pico INTEGER,
    flagship_model TEXT,
    flagship_cost_pico INTEGER,
    simulated INTEGER NOT NULL,
    reply_hash BLOB,
    manifest BLOB NOT NULL,     -- names and body hashes of the request, in order
    detail BLOB NOT NULL        -- decision, dropped parameters and metadata as msgpack
);

CREATE INDEX turn_at ON turn (at_us);
CREATE INDEX turn_conversation ON turn (conversation_id, at_us);

CREATE TABLE step (
    turn_seq INTEGER NOT NULL REFERENCES turn (seq),
    n INTEGER NOT NULL,         -- from 0, in the order of the calls
    purpose TEXT NOT NULL,
    model TEXT NOT NULL,
    status TEXT NOT NULL,
    duration_ms REAL NOT NULL,
    attempt INTEGER NOT NULL,
    http_status INTEGER,
    error_code TEXT,
    error_text TEXT,
    stop_reason TEXT,
    input_uncached INTEGER,
    output INTEGER,
    cache_read INTEGER,
    cache_write INTEGER,
    cache_write_1h INTEGER,
    reasoning INTEGER,
    estimated INTEGER NOT NULL,
    cost_pico INTEGER,
    ttft_ms REAL,
    relayed INTEGER NOT NULL,
    upstream_model TEXT,
    request_id TEXT,
    PRIMARY KEY (turn_seq, n)
) WITHOUT ROWID;
