-- name: last_seq
SELECT coalesce(max(seq), 0) FROM turn

-- name: page
SELECT seq, id FROM turn WHERE seq > :after AND seq <= :last AND {where} ORDER BY seq LIMIT :page
