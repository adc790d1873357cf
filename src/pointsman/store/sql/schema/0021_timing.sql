-- When a call began, in milliseconds after the turn's arrival, and how many pieces its stream had; NULL: not measured.

ALTER TABLE step ADD COLUMN started_ms REAL;
ALTER TABLE step ADD COLUMN chunks INTEGER;
