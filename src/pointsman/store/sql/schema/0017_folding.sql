-- What the fold into columns needs: which store this is, and which rows beside the turns have changed since.
-- Turns themselves are never changed, so their seq says which are new.

CREATE TABLE store_identity (
    uid TEXT NOT NULL,
    last_seq INTEGER NOT NULL   -- no turn gets a seq up to this one again: readers hold places by it, and turns can be deleted
);
INSERT INTO store_identity (uid, last_seq) VALUES (lower(hex(randomblob(16))), 0);

CREATE TABLE fold_change (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,         -- grade, shadow, feedback: by turn_id; rejection: by id; outcome: by conversation and key
    id TEXT NOT NULL,
    key_id TEXT NOT NULL DEFAULT ''
);

CREATE TRIGGER fold_grade_new AFTER INSERT ON grade
BEGIN INSERT INTO fold_change (kind, id) VALUES ('grade', NEW.turn_id); END;
CREATE TRIGGER fold_grade_changed AFTER UPDATE ON grade
BEGIN INSERT INTO fold_change (kind, id) VALUES ('grade', NEW.turn_id); END;
CREATE TRIGGER fold_grade_gone AFTER DELETE ON grade
BEGIN INSERT INTO fold_change (kind, id) VALUES ('grade', OLD.turn_id); END;

CREATE TRIGGER fold_shadow_new AFTER INSERT ON shadow
BEGIN INSERT INTO fold_change (kind, id) VALUES ('shadow', NEW.turn_id); END;
CREATE TRIGGER fold_shadow_changed AFTER UPDATE ON shadow
BEGIN INSERT INTO fold_change (kind, id) VALUES ('shadow', NEW.turn_id); END;
CREATE TRIGGER fold_shadow_gone AFTER DELETE ON shadow
BEGIN INSERT INTO fold_change (kind, id) VALUES ('shadow', OLD.turn_id); END;

CREATE TRIGGER fold_outcome_new AFTER INSERT ON outcome
BEGIN INSERT INTO fold_change (kind, id, key_id) VALUES ('outcome', NEW.conversation_id, NEW.key_id); END;
CREATE TRIGGER fold_outcome_changed AFTER UPDATE ON outcome
BEGIN INSERT INTO fold_change (kind, id, key_id) VALUES ('outcome', NEW.conversation_id, NEW.key_id); END;
CREATE TRIGGER fold_outcome_gone AFTER DELETE ON outcome
BEGIN INSERT INTO fold_change (kind, id, key_id) VALUES ('outcome', OLD.conversation_id, OLD.key_id); END;

CREATE TRIGGER fold_feedback_new AFTER INSERT ON feedback
BEGIN INSERT INTO fold_change (kind, id) VALUES ('feedback', NEW.turn_id); END;
CREATE TRIGGER fold_feedback_gone AFTER DELETE ON feedback
BEGIN INSERT INTO fold_change (kind, id) VALUES ('feedback', OLD.turn_id); END;

CREATE TRIGGER fold_rejection_new AFTER INSERT ON rejection
BEGIN INSERT INTO fold_change (kind, id) VALUES ('rejection', NEW.id); END;
CREATE TRIGGER fold_rejection_gone AFTER DELETE ON rejection
BEGIN INSERT INTO fold_change (kind, id) VALUES ('rejection', OLD.id); END;
