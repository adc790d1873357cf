-- What monitors count, what they found, and what is still to be delivered. NULL means unknown.

-- One row per series that a rule asks for; how far each has read is in `cursor`, under `monitors:<id>`.
CREATE TABLE tally_source (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE        -- what is counted, of which turns, one series per what
);

-- Counts by minute. After eight days the minutes of an hour become one row at its start.
CREATE TABLE tally (
    source_id INTEGER NOT NULL,
    simulated INTEGER NOT NULL,
    minute INTEGER NOT NULL,        -- Unix time / 60
    series TEXT NOT NULL,           -- '' where there is one series only
    n INTEGER NOT NULL,
    hits INTEGER NOT NULL,
    pico INTEGER NOT NULL,          -- dollars of those whose cost is known
    square REAL NOT NULL,           -- sum of their squared dollars
    unknown INTEGER NOT NULL,       -- not part of n
    PRIMARY KEY (source_id, simulated, minute, series)
) WITHOUT ROWID;

-- Which ids a provider has answered with when it was asked for a model.
CREATE TABLE served_model (
    model TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    served TEXT NOT NULL,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (model, simulated, served)
) WITHOUT ROWID;

CREATE TABLE incident (
    id TEXT PRIMARY KEY,
    family TEXT NOT NULL,           -- service, quality, routing, money, provider, input
    subject TEXT NOT NULL,          -- a model, a provider, or all
    simulated INTEGER NOT NULL,
    severity TEXT NOT NULL,         -- page, ticket
    state TEXT NOT NULL,            -- open, acknowledged, resolved
    title TEXT NOT NULL,
    opened_us INTEGER NOT NULL,
    acknowledged_us INTEGER,
    resolved_us INTEGER,
    note TEXT NOT NULL              -- the post-mortem
) WITHOUT ROWID;

CREATE INDEX incident_state ON incident (state, opened_us);

-- The rules that fired of an incident, one row per rule and series.
CREATE TABLE incident_signal (
    incident_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    series TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,       -- when it last fired
    recovered_us INTEGER,
    evidence TEXT NOT NULL,         -- JSON: the finding as it fired first
    PRIMARY KEY (incident_id, rule, series)
) WITHOUT ROWID;

CREATE INDEX incident_signal_of ON incident_signal (rule, series, simulated);

CREATE TABLE incident_event (
    seq INTEGER PRIMARY KEY,
    incident_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,             -- opened, joined, worse, acknowledged, silenced, recovered, resolved, note
    who TEXT NOT NULL,              -- '' for Pointsman itself
    text TEXT NOT NULL
);

CREATE INDEX incident_event_of ON incident_event (incident_id, seq);

CREATE TABLE incident_turn (
    incident_id TEXT NOT NULL,
    turn_id TEXT NOT NULL,
    PRIMARY KEY (incident_id, turn_id)
) WITHOUT ROWID;

CREATE TABLE silence (
    id INTEGER PRIMARY KEY,
    family TEXT NOT NULL,
    subject TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    until_us INTEGER NOT NULL,
    who TEXT NOT NULL,
    reason TEXT NOT NULL
);

-- What a receiver has not acknowledged yet; written in the transaction that changes the incident.
CREATE TABLE alert_outbox (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,       -- the same for every attempt: receivers know a repetition by it
    sink TEXT NOT NULL,
    incident_id TEXT NOT NULL,
    event TEXT NOT NULL,            -- opened, worse, acknowledged, resolved, refresh
    body TEXT NOT NULL,             -- JSON: the notice; holds no secret
    created_us INTEGER NOT NULL,
    next_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    claimed_by TEXT,
    claimed_until_us INTEGER,
    delivered_us INTEGER,
    error_text TEXT
);

CREATE INDEX alert_outbox_due ON alert_outbox (delivered_us, next_us);
CREATE INDEX alert_outbox_of ON alert_outbox (incident_id, sink);

-- Nights on which pinned cases were answered.
CREATE TABLE canary_run (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    model TEXT NOT NULL,
    cases TEXT NOT NULL,            -- hash of the case file
    simulated INTEGER NOT NULL,
    n INTEGER NOT NULL,             -- graded
    passed INTEGER NOT NULL,
    failed TEXT NOT NULL,           -- JSON array of the ids of cases that did not pass
    served TEXT NOT NULL,           -- JSON object: served model id -> answers
    fingerprints TEXT NOT NULL,     -- JSON object: fingerprint -> answers
    cost_pico INTEGER,
    error_text TEXT
);

CREATE INDEX canary_run_of ON canary_run (model, cases, at_us);

CREATE INDEX outcome_at ON outcome (at_us);
