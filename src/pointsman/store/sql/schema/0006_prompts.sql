-- Prompts: every text once, by its content, and every change of what a label points to. The newest change of a place
-- (role, agent, label) says which version is in force; nothing is ever updated or deleted.

CREATE TABLE prompt_text (
    version TEXT PRIMARY KEY,   -- first 12 hex digits of the SHA-256 of the text
    text TEXT NOT NULL,
    first_at_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE prompt_change (
    seq INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    role TEXT NOT NULL,
    agent TEXT NOT NULL,        -- '' for every agent
    label TEXT NOT NULL,
    action TEXT NOT NULL,       -- save, promote, rollback
    version TEXT,               -- in force from now on; NULL: the one below it (every agent's, else the shipped one)
    before TEXT,                -- in force until now; NULL as above
    actor TEXT NOT NULL,
    reason TEXT NOT NULL
);

CREATE INDEX prompt_change_place ON prompt_change (role, agent, label, seq);
