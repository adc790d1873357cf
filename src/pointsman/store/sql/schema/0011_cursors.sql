-- How far a reader of the turns has come: the seq of the last turn it has dealt with. One row per reader.

CREATE TABLE cursor (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    updated_at_us INTEGER NOT NULL
) WITHOUT ROWID;
