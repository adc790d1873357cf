-- What was spent per budget account, and what is reserved for calls on their way.
-- An account is whose it is (scope, id), for which period, of real or of simulated models.

CREATE TABLE spend (
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    period TEXT NOT NULL,           -- 2026-11-22, 2026-11, or total
    simulated INTEGER NOT NULL,
    spent_pico INTEGER NOT NULL,    -- what counts against a cap
    assumed_pico INTEGER NOT NULL,  -- the part of it that is a kept reservation: the true cost is unknown
    assumed_calls INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL, -- calls let through without a price: they count nothing
    PRIMARY KEY (scope, id, period, simulated)
) WITHOUT ROWID;

-- Rows that are left after a crash are calls nobody knows the end of: they are moved into spend at the next start.
CREATE TABLE hold (
    call_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    period TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    pico INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (call_id, scope, id, period)
) WITHOUT ROWID;
