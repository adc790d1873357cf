-- name: get
SELECT seq FROM cursor WHERE name = ?

-- name: put
INSERT INTO cursor (name, seq, updated_at_us) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, updated_at_us = excluded.updated_at_us

-- name: ids_after
SELECT seq, id FROM turn WHERE seq > ? ORDER BY seq LIMIT ?
