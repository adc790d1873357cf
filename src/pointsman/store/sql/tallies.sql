-- name: turns_after
SELECT * FROM turn WHERE seq > ? ORDER BY seq LIMIT ?

-- name: steps_between
SELECT * FROM step WHERE turn_seq BETWEEN ? AND ? ORDER BY turn_seq, n

-- name: body
SELECT data FROM body WHERE hash = ?

-- name: newest
SELECT max(seq) FROM turn

-- name: first
SELECT min(at_us) FROM turn

-- name: last_before
SELECT coalesce(min(seq) - 1, (SELECT max(seq) FROM turn)) FROM turn WHERE at_us >= ?

-- name: places
SELECT tally_source.key, cursor.seq FROM tally_source JOIN cursor ON cursor.name = 'monitors:' || tally_source.id

-- name: make_source
INSERT OR IGNORE INTO tally_source (key) VALUES (?)

-- name: source_id
SELECT id FROM tally_source WHERE key = ?

-- name: add
INSERT INTO tally (source_id, simulated, minute, series, n, hits, pico, square, unknown) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source_id, simulated, minute, series) DO UPDATE SET
    n = n + excluded.n, hits = hits + excluded.hits, pico = pico + excluded.pico,
    square = square + excluded.square, unknown = unknown + excluded.unknown

-- name: see
INSERT INTO served_model (model, simulated, served, first_us, last_us, n) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (model, simulated, served) DO UPDATE SET
    first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us), n = n + excluded.n

-- name: between
SELECT series, sum(n), sum(hits), sum(pico), sum(square), sum(unknown) FROM tally
WHERE source_id = (SELECT id FROM tally_source WHERE key = ?) AND simulated = ? AND minute >= ? AND minute < ?
GROUP BY series

-- name: roll
INSERT INTO tally (source_id, simulated, minute, series, n, hits, pico, square, unknown)
SELECT source_id, simulated, minute - minute % 60, series, sum(n), sum(hits), sum(pico), sum(square), sum(unknown)
FROM tally WHERE minute < ? AND minute % 60 <> 0 GROUP BY source_id, simulated, minute - minute % 60, series
ON CONFLICT (source_id, simulated, minute, series) DO UPDATE SET
    n = n + excluded.n, hits = hits + excluded.hits, pico = pico + excluded.pico,
    square = square + excluded.square, unknown = unknown + excluded.unknown

-- name: rolled
DELETE FROM tally WHERE minute < ? AND minute % 60 <> 0

-- name: drop
DELETE FROM tally WHERE minute < ?

-- name: sightings
SELECT model, simulated, served, first_us, last_us, n FROM served_model WHERE simulated = ? ORDER BY model, first_us

-- name: any_simulated
-- By source, so that the primary key finds it: there is no index on `simulated` alone.
SELECT EXISTS (SELECT 1 FROM tally WHERE source_id IN (SELECT id FROM tally_source) AND simulated = ?)

-- name: seqs_between
SELECT seq FROM turn WHERE at_us >= ? AND at_us < ? AND simulated = ? ORDER BY at_us DESC LIMIT ?

-- name: turns_in
SELECT * FROM turn WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq

-- name: steps_in
SELECT * FROM step WHERE turn_seq IN (SELECT value FROM json_each(?)) ORDER BY turn_seq, n

-- name: misroutes
-- Each checked turn stands for as many as its chance of being chosen says.
SELECT {series}, shadow.turn_id, 1.0 / shadow.probability, shadow.material FROM shadow
JOIN turn ON turn.id = shadow.turn_id
WHERE shadow.state = 'judged' AND shadow.material IS NOT NULL
    AND shadow.changed_at_us >= :start AND shadow.changed_at_us < :end AND turn.simulated = :simulated {where}

-- name: resolutions
SELECT {series}, min(turn.id), 1.0, outcome.resolved FROM outcome
JOIN turn ON turn.conversation_id = outcome.conversation_id AND coalesce(turn.key_id, '') = outcome.key_id
WHERE outcome.resolved IS NOT NULL
    AND outcome.at_us >= :start AND outcome.at_us < :end AND turn.simulated = :simulated {where}
GROUP BY outcome.conversation_id, outcome.key_id, {series}

-- name: handoffs
SELECT {series}, min(turn.id), 1.0, outcome.escalated FROM outcome
JOIN turn ON turn.conversation_id = outcome.conversation_id AND coalesce(turn.key_id, '') = outcome.key_id
WHERE outcome.escalated IS NOT NULL
    AND outcome.at_us >= :start AND outcome.at_us < :end AND turn.simulated = :simulated {where}
GROUP BY outcome.conversation_id, outcome.key_id, {series}

-- name: grades
SELECT {series}, grade.turn_id, 1.0, grade.passed FROM grade JOIN turn ON turn.id = grade.turn_id
WHERE grade.metric = :detail AND grade.subject = 'shipped' AND grade.passed IS NOT NULL
    AND grade.at_us >= :start AND grade.at_us < :end AND turn.simulated = :simulated {where}

-- name: costs
-- Of conversations whose outcome and whole cost are known: what it took to end them, people included.
SELECT CASE WHEN outcome.resolved THEN 'resolved' ELSE 'not' END,
    sum(turn.cost_pico) + coalesce(outcome.handoff_pico, 0)
FROM outcome
JOIN turn ON turn.conversation_id = outcome.conversation_id AND coalesce(turn.key_id, '') = outcome.key_id
WHERE outcome.resolved IS NOT NULL
    AND outcome.at_us >= :start AND outcome.at_us < :end AND turn.simulated = :simulated {where}
GROUP BY outcome.conversation_id, outcome.key_id HAVING count(*) = count(turn.cost_pico)
