-- When a call began, in milliseconds after the turn's arrival, and how many pieces its stream had; NULL: not measured.

ALTER TABLE step ADD COLUMN started_ms REAL;
ALTER TABLE step ADD COLUMN chunks INTEGER;

-- Turns captured from another program's traces. Which conversation a model call belongs to often stands only in the trace's
-- outermost span, which comes last: until then the call waits here, durable.

CREATE TABLE captured_trace (
    trace_id TEXT NOT NULL,
    key_id TEXT NOT NULL,           -- '' where no key is asked for: one client's traces are not another's
    conversation_id TEXT,           -- NULL: the outermost span came and named none
    seen_us INTEGER NOT NULL,
    PRIMARY KEY (trace_id, key_id)
) WITHOUT ROWID;

CREATE INDEX captured_trace_seen ON captured_trace (seen_us);

CREATE TABLE captured_waiting (
    turn_id TEXT PRIMARY KEY,
    trace_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    record BLOB NOT NULL,           -- the turn as msgpack, redacted as the policy says
    since_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX captured_waiting_trace ON captured_waiting (trace_id, key_id);
CREATE INDEX captured_waiting_since ON captured_waiting (since_us);
