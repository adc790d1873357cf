-- Work that waits for a provider's batch API: what was asked, in which of the provider's batches it went, what came of it.

CREATE TABLE batch (
    id TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    purpose TEXT NOT NULL,
    again INTEGER NOT NULL,         -- how often an item that failed for no fault of its own is sent once more
    simulated INTEGER NOT NULL,
    cancelled INTEGER NOT NULL DEFAULT 0,
    created_at_us INTEGER NOT NULL,
    ended_at_us INTEGER             -- NULL: under way
) WITHOUT ROWID;

CREATE INDEX batch_at ON batch (created_at_us);

-- One batch at the provider. The row is there before the provider hears of it.
CREATE TABLE batch_part (
    batch_id TEXT NOT NULL REFERENCES batch (id),
    n INTEGER NOT NULL,
    state TEXT NOT NULL,            -- ready, submitting, running, cancelling, ended, failed
    provider_id TEXT,               -- NULL: not known
    owner TEXT,                     -- the process that submits it: host, process id, chance
    submitting_at_us INTEGER,
    error TEXT,
    seen_at_us INTEGER,             -- when it was first seen to be over: all records of it say the same time
    PRIMARY KEY (batch_id, n)
) WITHOUT ROWID;

CREATE TABLE batch_item (
    batch_id TEXT NOT NULL REFERENCES batch (id),
    position INTEGER NOT NULL,      -- from 0, as submitted
    item_id TEXT NOT NULL,          -- the caller's own name of it
    turn_id TEXT NOT NULL,          -- under which its record is kept
    turn BLOB NOT NULL,             -- the request as a neutral turn, JSON
    part INTEGER,                   -- the part it goes with now; NULL: it could not be sent
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,            -- waiting, ok, error, expired, cancelled
    error_code TEXT,
    error_text TEXT,
    cost_pico INTEGER,              -- NULL: unknown
    PRIMARY KEY (batch_id, position)
) WITHOUT ROWID;

CREATE INDEX batch_item_part ON batch_item (batch_id, part, state);
