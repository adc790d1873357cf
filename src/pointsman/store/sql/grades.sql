-- name: put_grade
INSERT OR REPLACE INTO grade (turn_id, subject, metric, version, source, author, score, passed, detail, cost_pico, at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: grades_of
SELECT turn_id, subject, metric, version, source, author, score, passed, detail, cost_pico, at_us
FROM grade WHERE turn_id = ? ORDER BY subject DESC, metric, source, seq

-- name: graded_turns
SELECT turn_id FROM grade WHERE subject = ? AND metric = ? AND version = ? AND author = ? AND source = ?

-- name: grade_sums
-- One row for each metric: passed, failed, and what could not be said to be either. A turn counts once for each version.
SELECT subject, metric, version, source, author,
    count(*) AS graded, sum(passed IS 1) AS passed, sum(passed IS 0) AS failed, sum(passed IS NULL) AS unknown,
    avg(score) AS score, count(score) AS scored,
    sum(cost_pico / 1000000) AS cost_micro, sum(cost_pico % 1000000) AS cost_rest, min(at_us) AS first_us, max(at_us) AS last_us
FROM grade
WHERE (:metric IS NULL OR metric = :metric OR metric GLOB :below) AND (:since_us IS NULL OR at_us >= :since_us)
GROUP BY subject, metric, version, source, author
ORDER BY max(at_us) DESC, metric, subject

-- name: forget_grades
DELETE FROM grade WHERE turn_id IN (SELECT id FROM turn WHERE conversation_id = ?)
