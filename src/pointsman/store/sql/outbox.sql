-- name: add
INSERT OR IGNORE INTO alert_outbox (key, sink, incident_id, event, body, created_us, next_us, attempts)
VALUES (?, ?, ?, ?, ?, ?, ?, 0)

-- name: told
SELECT DISTINCT sink FROM alert_outbox WHERE incident_id = ? AND event = 'opened'

-- name: last_told
SELECT max(created_us) FROM alert_outbox WHERE incident_id = ? AND sink = ?

-- name: due
-- Of one incident and sink the oldest comes first: a resolution must not arrive before what it resolves.
-- What is set further ahead than anything ever is comes from a clock that has been put back since.
SELECT id, key, sink, incident_id, event, body, attempts FROM alert_outbox AS one
WHERE delivered_us IS NULL AND (next_us <= :now OR next_us > :far)
    AND (claimed_until_us IS NULL OR claimed_until_us <= :now OR claimed_until_us > :far)
    AND sink IN (SELECT value FROM json_each(:sinks))
    AND NOT EXISTS (
        SELECT 1 FROM alert_outbox AS older
        WHERE older.incident_id = one.incident_id AND older.sink = one.sink AND older.id < one.id
            AND older.delivered_us IS NULL AND older.attempts < :in_the_way
    )
ORDER BY next_us, id LIMIT :limit

-- name: claim
UPDATE alert_outbox SET claimed_by = ?, claimed_until_us = ? WHERE id = ?

-- name: delivered
UPDATE alert_outbox SET delivered_us = ?, attempts = ?, claimed_by = NULL, claimed_until_us = NULL, error_text = NULL
WHERE id = ?

-- name: failed
UPDATE alert_outbox SET next_us = ?, attempts = ?, error_text = ?, claimed_by = NULL, claimed_until_us = NULL
WHERE id = ? AND delivered_us IS NULL

-- name: free
UPDATE alert_outbox SET claimed_by = NULL, claimed_until_us = NULL WHERE claimed_by = ? AND delivered_us IS NULL

-- name: owners
SELECT DISTINCT claimed_by FROM alert_outbox WHERE claimed_by IS NOT NULL AND delivered_us IS NULL

-- name: next_due
-- What stands behind an older notice, or is another process's for now, is not due whatever its own time says.
SELECT min(max(next_us, coalesce(claimed_until_us, 0))) FROM alert_outbox AS one
WHERE delivered_us IS NULL AND sink IN (SELECT value FROM json_each(:sinks))
    AND NOT EXISTS (
        SELECT 1 FROM alert_outbox AS older
        WHERE older.incident_id = one.incident_id AND older.sink = one.sink AND older.id < one.id
            AND older.delivered_us IS NULL AND older.attempts < :in_the_way
    )

-- name: list
SELECT key, sink, incident_id, event, created_us, next_us, attempts, delivered_us, error_text FROM alert_outbox
WHERE (:incident IS NULL OR incident_id = :incident) AND (NOT :waiting OR delivered_us IS NULL)
ORDER BY id DESC LIMIT :limit
