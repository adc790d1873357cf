-- What people say of replies, and what judges say of the same, so that judges can be measured against people.
-- An item is what is shown to a person: two replies to compare, or one to pass or fail. Its id is a hash of what is shown, so
-- the same question is asked once, however often it is found. Content is kept only where no turn of this store holds it.

CREATE TABLE label_item (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,             -- pair, reply
    origin TEXT NOT NULL,           -- run, shadow, turn, import
    metric TEXT NOT NULL,           -- preference for pairs; what is to be passed or failed for replies, as in the grade table
    version TEXT NOT NULL,          -- of the metric; '' for preference
    question TEXT NOT NULL,         -- as it is put to a person
    turn_id TEXT,                   -- the turn whose reply it is; for pairs: whose shadow is the other reply
    conversation_id TEXT,
    content BLOB,                   -- JSON; first byte as in body. NULL: it is read from the turn
    place REAL NOT NULL,            -- in the queue, smallest first: what teaches most comes first, each kind in random order
    added_at_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX label_item_place ON label_item (place, id);
CREATE INDEX label_item_turn ON label_item (turn_id);
CREATE INDEX label_item_conversation ON label_item (conversation_id);

CREATE TABLE label (
    seq INTEGER PRIMARY KEY,
    item_id TEXT NOT NULL,
    labeller TEXT NOT NULL,
    value TEXT NOT NULL,            -- a, b, same for pairs; pass, fail for replies; skip for both: it cannot be said
    swapped INTEGER NOT NULL,       -- 1: b was shown first
    note TEXT NOT NULL,
    at_us INTEGER NOT NULL
);

CREATE UNIQUE INDEX label_of ON label (item_id, labeller);

-- What a judge said of an item, also of items that nobody labels: the labelled ones stand for them.
CREATE TABLE judgement (
    item_id TEXT NOT NULL,
    judge TEXT NOT NULL,
    version TEXT NOT NULL,
    metric TEXT NOT NULL,
    verdict TEXT NOT NULL,          -- a, b, same, tie, unknown for pairs; pass, fail, unknown for replies
    flipped INTEGER,
    reason TEXT NOT NULL,
    cost_pico INTEGER,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (item_id, judge, version)
) WITHOUT ROWID;

CREATE INDEX judgement_of ON judgement (judge, version, metric);

-- Shadow replies that a person should look at are found without reading the others.
CREATE INDEX shadow_to_review ON shadow (state, flipped DESC, turn_seq DESC)
    WHERE material = 1 OR flipped = 1 OR verdict IS NULL OR verdict = 'tie';
