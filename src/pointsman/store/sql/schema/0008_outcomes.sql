-- How conversations ended, and what people said of single turns. Reports are kept as they came; `outcome` is what they add up
-- to, one row per conversation, made anew from its reports with every one that arrives. NULL means unknown.

CREATE TABLE outcome_report (
    seq INTEGER PRIMARY KEY,
    key_id TEXT NOT NULL,           -- '' where no key was asked for
    conversation_id TEXT NOT NULL,
    report_id TEXT,                 -- the sender's own id; the same one again changes nothing
    at_us INTEGER NOT NULL,         -- when it happened, as the sender says
    received_at_us INTEGER NOT NULL,
    fields TEXT NOT NULL,           -- JSON: only what the report said; null takes an earlier word back
    UNIQUE (key_id, report_id)
);

CREATE INDEX outcome_report_conversation ON outcome_report (key_id, conversation_id, at_us);

CREATE TABLE outcome (
    conversation_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    resolved INTEGER,
    escalated INTEGER,
    reopened INTEGER,
    csat REAL,                      -- 1 to 5
    handoff_pico INTEGER,           -- cost of the people who took over
    source TEXT,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, key_id)
) WITHOUT ROWID;

CREATE TABLE feedback (
    seq INTEGER PRIMARY KEY,
    turn_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    feedback_id TEXT,
    at_us INTEGER NOT NULL,
    received_at_us INTEGER NOT NULL,
    source TEXT,
    thumb TEXT,                     -- up, down
    rating INTEGER,                 -- 1 to 5
    label TEXT,
    comment TEXT,
    route TEXT,                     -- the route it should have taken
    intent TEXT,                    -- the intent it really had
    UNIQUE (key_id, feedback_id)
);

CREATE INDEX feedback_turn ON feedback (turn_id);

-- Every turn with the outcome of its conversation, for questions.
CREATE VIEW turn_outcome AS
SELECT turn.*, outcome.resolved, outcome.escalated, outcome.reopened, outcome.csat, outcome.handoff_pico,
    outcome.source AS outcome_source, outcome.at_us AS outcome_at_us
FROM turn LEFT JOIN outcome
    ON outcome.conversation_id = turn.conversation_id AND outcome.key_id = coalesce(turn.key_id, '');
