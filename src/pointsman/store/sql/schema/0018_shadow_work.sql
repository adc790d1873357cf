-- What shadow checks need to survive a crash: the sampler's memory, whom it has seen, and money set aside before a call.

-- One row: where the running quantile stands, and the salt of the draw. Moved in the transaction that moves the cursor.
CREATE TABLE shadow_sampler (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    salt BLOB NOT NULL,             -- 16 random bytes, made once: the same turn is drawn alike, however often it is read
    recent BLOB NOT NULL            -- msgpack: the latest confidences that were known, oldest first
);

-- How many turns could have been chosen: what the shares are shares of.
CREATE TABLE shadow_seen (
    day INTEGER NOT NULL,           -- of the turn, days since 1970-01-01 UTC
    route TEXT NOT NULL,
    intent TEXT NOT NULL,           -- '': not recognised
    simulated INTEGER NOT NULL,
    turns INTEGER NOT NULL,
    unknown INTEGER NOT NULL,       -- of them, turns whose confidence is unknown
    reasked INTEGER NOT NULL,       -- turns after whose reply the customer had to ask the same again
    cost_pico INTEGER NOT NULL,     -- what routed turns cost, failed ones too, as far as it is known: the budget is a share of it
    PRIMARY KEY (day, route, intent, simulated)
) WITHOUT ROWID;

ALTER TABLE shadow ADD COLUMN spent_at_us INTEGER;              -- the period its money counts in; NULL: nothing was asked
ALTER TABLE shadow ADD COLUMN held_pico INTEGER NOT NULL DEFAULT 0;   -- set aside for the call under way
ALTER TABLE shadow ADD COLUMN lost_pico INTEGER NOT NULL DEFAULT 0;   -- of calls that may be billed and were not heard of
ALTER TABLE shadow ADD COLUMN asked_at_us INTEGER;              -- a call is under way since then; NULL: none is
ALTER TABLE shadow ADD COLUMN owner TEXT;                       -- the process that made it
ALTER TABLE shadow ADD COLUMN review REAL;                      -- with which chance people were to see it; NULL: they were not
ALTER TABLE shadow ADD COLUMN simulated INTEGER NOT NULL DEFAULT 0;   -- 1: an emulator answered as the stronger model

-- Of the turn, so that a page need not look every one of them up.
ALTER TABLE shadow ADD COLUMN at_us INTEGER;
ALTER TABLE shadow ADD COLUMN route TEXT;
ALTER TABLE shadow ADD COLUMN intent TEXT;
ALTER TABLE shadow ADD COLUMN conversation_id TEXT;
ALTER TABLE shadow ADD COLUMN key_id TEXT;
ALTER TABLE shadow ADD COLUMN of_simulated INTEGER;             -- 1: the turn itself was simulated

CREATE INDEX shadow_at ON shadow (at_us);

-- What is asked before every call, inside the writer's transaction, and what is looked for every two seconds.
CREATE INDEX shadow_spent ON shadow (spent_at_us, simulated, held_pico, cost_pico, judge_cost_pico, lost_pico);
CREATE INDEX shadow_asked ON shadow (asked_at_us) WHERE asked_at_us IS NOT NULL;
