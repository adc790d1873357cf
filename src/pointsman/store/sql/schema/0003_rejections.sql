-- Replies that did not satisfy their contract as they came: rejected, or released after repairs.

CREATE TABLE contract_schema (
    version TEXT PRIMARY KEY,   -- hash of the schema's content
    name TEXT NOT NULL,
    schema BLOB NOT NULL,       -- first byte: 0 plain, 1 zstd (as in body)
    at_us INTEGER NOT NULL      -- first seen
) WITHOUT ROWID;

CREATE TABLE rejection (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,     -- Unix time, microseconds
    outcome TEXT NOT NULL,      -- rejected, repaired
    contract TEXT NOT NULL,
    version TEXT NOT NULL,
    model TEXT NOT NULL,
    kinds TEXT NOT NULL,        -- JSON array of kinds, each once
    failures TEXT NOT NULL,     -- JSON array of [kind, JSON pointer, message]
    repairs TEXT NOT NULL,      -- JSON array of [what, JSON pointer]
    raw BLOB NOT NULL,          -- the whole reply as it came, redacted before it gets here; first byte as in body
    purpose TEXT NOT NULL,      -- answer, plan, summarize, tool_call ...
    attempt INTEGER NOT NULL,
    turn_id TEXT,               -- NULL: the call belongs to no recorded turn
    conversation_id TEXT,
    agent TEXT
);

CREATE INDEX rejection_at ON rejection (at_us);
CREATE INDEX rejection_turn ON rejection (turn_id);
