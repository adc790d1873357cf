-- Agents that Pointsman runs itself: their definitions, their runs, and every tool call with a line written before it starts.

CREATE TABLE agent (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL,         -- the definition as JSON, as it would stand in the policy
    created_at_us INTEGER NOT NULL,
    updated_at_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE agent_run (
    id TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    spec TEXT NOT NULL,         -- the definition this run began with
    conversation_id TEXT NOT NULL,
    key_id TEXT,
    state TEXT NOT NULL,        -- running, waiting_for_approval, done, failed, cancelled
    owner TEXT NOT NULL,        -- the process that works on it: host, process id, chance
    opening BLOB NOT NULL,      -- hash of the customer's messages: tells a request that is sent again
    turn BLOB NOT NULL,         -- the request as a neutral turn, JSON
    reply BLOB,                 -- what the customer was given, JSON; NULL: nothing yet
    ended_by TEXT,              -- reply, max_steps, deadline, approval, error, client
    error_code TEXT,
    error_text TEXT,
    started_at_us INTEGER NOT NULL,
    updated_at_us INTEGER NOT NULL,
    expires_at_us INTEGER       -- until when an approval is waited for
) WITHOUT ROWID;

CREATE INDEX agent_run_conversation ON agent_run (conversation_id, started_at_us);
CREATE INDEX agent_run_at ON agent_run (started_at_us);

CREATE TABLE agent_step (
    run_id TEXT NOT NULL REFERENCES agent_run (id),
    n INTEGER NOT NULL,         -- from 1
    kind TEXT NOT NULL,         -- model: a model's reply; customer: words that came in while the run waited
    phase TEXT NOT NULL,        -- steps, synthesis, draft (a reply that the synthesis replaced)
    turn_id TEXT,               -- the recorded turn of a model step
    message BLOB NOT NULL,      -- the message it added, JSON
    PRIMARY KEY (run_id, n)
) WITHOUT ROWID;

CREATE TABLE agent_call (
    key TEXT PRIMARY KEY,       -- idempotency key: run:step:index
    run_id TEXT NOT NULL REFERENCES agent_run (id),
    step INTEGER NOT NULL,
    i INTEGER NOT NULL,         -- from 0, in the order of the model's reply
    call_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    redacted INTEGER NOT NULL,  -- 1: personal data was taken out of the arguments, so the call cannot be made from here
    writes INTEGER NOT NULL,
    state TEXT NOT NULL,        -- planned, waiting, started, done, refused, unknown
    result BLOB,                -- what the model was told, JSON
    attempts INTEGER NOT NULL,
    started_at_us INTEGER,
    ended_at_us INTEGER
) WITHOUT ROWID;

CREATE INDEX agent_call_run ON agent_call (run_id, step, i);

-- A key that may define agents and decide approvals beside taking turns.
ALTER TABLE client_key ADD COLUMN operator INTEGER NOT NULL DEFAULT 0;
