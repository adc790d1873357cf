-- What graders, judges and people found of a reply. A finding is never changed; a later one of the same metric, version,
-- source and author takes its place. NULL means unknown.

CREATE TABLE grade (
    seq INTEGER PRIMARY KEY,
    turn_id TEXT NOT NULL,
    subject TEXT NOT NULL,      -- shipped: what the customer got; shadow: the stronger model's reply; plan: the plan artifact
    metric TEXT NOT NULL,       -- a grader's name, scorecard:NAME, or criterion:NAME/CRITERION
    version TEXT NOT NULL,      -- of the grader, scorecard or judge prompt: a hash of its content
    source TEXT NOT NULL,       -- rule, judge, human
    author TEXT NOT NULL,       -- '' for rules, the judge's model id, the labeller's name
    score REAL,                 -- 0 to 1; NULL: could not be graded
    passed INTEGER,
    detail TEXT NOT NULL,       -- JSON: evidence quotes with speaker, kinds of error, the judge's reason
    cost_pico INTEGER,          -- what the grading itself cost; NULL: unknown; 0 for rules and people
    at_us INTEGER NOT NULL
);

CREATE UNIQUE INDEX grade_of ON grade (turn_id, subject, metric, version, source, author);
CREATE INDEX grade_at ON grade (at_us);
