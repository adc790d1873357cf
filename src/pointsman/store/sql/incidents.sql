-- name: list
SELECT id, family, subject, simulated, severity, state, title, opened_us, acknowledged_us, resolved_us, note FROM incident
WHERE :state IS NULL OR state = :state OR (:state = 'unresolved' AND state <> 'resolved')
ORDER BY opened_us DESC, id LIMIT :limit

-- name: by_id
SELECT id, family, subject, simulated, severity, state, title, opened_us, acknowledged_us, resolved_us, note
FROM incident WHERE id = ?

-- name: by_prefix
SELECT id, family, subject, simulated, severity, state, title, opened_us, acknowledged_us, resolved_us, note
FROM incident WHERE id >= ? AND id < ? LIMIT 10

-- name: signals_of
SELECT incident_id, rule, series, simulated, first_us, last_us, recovered_us, evidence
FROM incident_signal WHERE incident_id = ? ORDER BY first_us, rule, series

-- name: open_signals
SELECT s.incident_id, s.rule, s.series, s.simulated, s.first_us, s.last_us, s.recovered_us, s.evidence
FROM incident JOIN incident_signal AS s ON s.incident_id = incident.id
WHERE incident.state <> 'resolved' AND s.recovered_us IS NULL ORDER BY s.first_us

-- name: last_recovered
SELECT rule, series, simulated, max(recovered_us) FROM incident_signal WHERE recovered_us IS NOT NULL
GROUP BY rule, series, simulated

-- name: events_of
SELECT incident_id, at_us, kind, who, text FROM incident_event WHERE incident_id = ? ORDER BY seq

-- name: turns_of
SELECT turn_id FROM incident_turn WHERE incident_id = ? ORDER BY turn_id

-- name: silences
SELECT family, subject, simulated, until_us, who, reason FROM silence WHERE until_us > ? ORDER BY until_us

-- name: put
INSERT INTO incident
    (id, family, subject, simulated, severity, state, title, opened_us, acknowledged_us, resolved_us, note)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    subject = excluded.subject, severity = excluded.severity, state = excluded.state, title = excluded.title,
    acknowledged_us = excluded.acknowledged_us, resolved_us = excluded.resolved_us, note = excluded.note

-- name: put_signal
INSERT INTO incident_signal (incident_id, rule, series, simulated, first_us, last_us, recovered_us, evidence)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (incident_id, rule, series) DO UPDATE SET
    first_us = excluded.first_us, last_us = excluded.last_us, recovered_us = excluded.recovered_us, evidence = excluded.evidence

-- name: add_event
INSERT INTO incident_event (incident_id, at_us, kind, who, text) VALUES (?, ?, ?, ?, ?)

-- name: link
INSERT OR IGNORE INTO incident_turn (incident_id, turn_id) VALUES (?, ?)

-- name: add_silence
INSERT INTO silence (family, subject, simulated, until_us, who, reason) VALUES (?, ?, ?, ?, ?, ?)

-- name: count
SELECT count(*) FROM incident

-- name: count_turns
SELECT count(*) FROM incident_turn WHERE incident_id = ?
