-- What was changed on evidence, and what was taken back. Nothing is ever updated or deleted: history is the audit.

CREATE TABLE promotion (
    seq INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    action TEXT NOT NULL,       -- promote, rollback
    kind TEXT NOT NULL,         -- model, policy, prompt
    policy_file TEXT NOT NULL,  -- absolute path; '' for prompts, which belong to the store
    before_version TEXT,        -- of the policy
    after_version TEXT,
    before_text TEXT,           -- the whole file, so that it can be put back to the letter
    after_text TEXT,
    changes TEXT NOT NULL,      -- JSON: [where, before, after] of each place
    gate TEXT,                  -- JSON: verdict, arms, cases, metrics; NULL: forced without one
    forced INTEGER NOT NULL,    -- 1: the gate did not pass, or there was none
    simulated INTEGER NOT NULL, -- 1: simulated models answered in the gate's runs
    undoes INTEGER REFERENCES promotion (seq),
    actor TEXT NOT NULL,
    reason TEXT NOT NULL
);

CREATE INDEX promotion_file ON promotion (policy_file, seq);

-- Trials (canaries) that were ended or begun again; the newest row of a trial says how it stands. No row: it runs.
CREATE TABLE trial_change (
    seq INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    trial TEXT NOT NULL,        -- name@hash of what it replaces by what
    action TEXT NOT NULL,       -- stop, start
    actor TEXT NOT NULL,        -- a login, or monitor:NAME
    reason TEXT NOT NULL,
    incident TEXT               -- the incident that ended it
);
