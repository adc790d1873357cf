-- name: turns_after
SELECT * FROM turn WHERE seq > :seq ORDER BY seq LIMIT :limit

-- name: steps_between
SELECT * FROM step WHERE turn_seq > :seq AND turn_seq <= :last ORDER BY turn_seq, n
