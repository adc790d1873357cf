-- name: turns_after
SELECT * FROM turn WHERE seq > ? ORDER BY seq LIMIT ?

-- name: steps_between
SELECT * FROM step WHERE turn_seq BETWEEN ? AND ? ORDER BY turn_seq, n

-- name: body
SELECT data FROM body WHERE hash = ?

-- name: newest
SELECT max(seq) FROM turn

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
