-- Turns chosen to be answered again by a stronger model. One row per chosen turn, made in the transaction that moves the
-- sampler's cursor past it, so that a turn is looked at once, whatever happens. NULL means unknown.

CREATE TABLE shadow (
    turn_id TEXT PRIMARY KEY,
    turn_seq INTEGER NOT NULL,
    chosen_at_us INTEGER NOT NULL,
    changed_at_us INTEGER NOT NULL,
    why TEXT NOT NULL,              -- quantile, floor
    probability REAL NOT NULL,      -- with which it was chosen, before any budget
    state TEXT NOT NULL,            -- waiting, batched, answered, judged, failed, over_budget, not_allowed
    model TEXT,                     -- the stronger model
    batch_id TEXT,
    reply BLOB,                     -- domain reply as JSON; first byte as in body
    error_text TEXT,
    cost_pico INTEGER,              -- of the shadow call
    judge_cost_pico INTEGER,
    verdict TEXT,                   -- same, shipped_better, shadow_better, tie; NULL: not judged
    material INTEGER,               -- 1: the difference would matter to the customer, so the turn was misrouted
    decided_by TEXT,                -- rule, judge, human
    judge TEXT,
    flipped INTEGER,                -- 1: the judge answered differently when the order was turned
    detail TEXT NOT NULL            -- JSON: what differs, the judge's reasons in both orders
) WITHOUT ROWID;

CREATE INDEX shadow_state ON shadow (state, turn_seq);
CREATE INDEX shadow_changed ON shadow (changed_at_us);
