-- name: candidates
SELECT seq, id, at_us, route, intent, confidence, simulated,
    status = 'ok' AND reply_hash IS NOT NULL AND dialect NOT IN ('batch', 'otlp') AS whole, detail, conversation_id, key_id,
    dialect NOT IN ('batch', 'otlp') AS routed, cost_pico
FROM turn WHERE seq > ? ORDER BY seq LIMIT ?

-- name: behind
SELECT count(*) FROM turn WHERE seq > ?

-- name: turn_before
SELECT at_us, route, intent, simulated, tier FROM turn
WHERE conversation_id = ? AND at_us < ? AND coalesce(key_id, '') = coalesce(?, '') AND dialect NOT IN ('batch', 'otlp')
ORDER BY at_us DESC LIMIT 1

-- name: last_seq
SELECT coalesce(max(seq), 0) FROM turn

-- name: sampler
SELECT salt, recent FROM shadow_sampler WHERE one = 1

-- name: put_sampler
INSERT INTO shadow_sampler (one, salt, recent) VALUES (1, ?, ?)
ON CONFLICT (one) DO UPDATE SET recent = excluded.recent

-- name: see
INSERT INTO shadow_seen (day, route, intent, simulated, turns, unknown, reasked, cost_pico) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (day, route, intent, simulated) DO UPDATE SET
    turns = turns + excluded.turns, unknown = unknown + excluded.unknown, reasked = reasked + excluded.reasked,
    cost_pico = cost_pico + excluded.cost_pico

-- name: choose
INSERT OR IGNORE INTO shadow (turn_id, turn_seq, chosen_at_us, changed_at_us, why, probability, state, detail,
    at_us, route, intent, conversation_id, key_id, of_simulated)
VALUES (?, ?, ?, ?, ?, ?, 'waiting', '{}', ?, ?, ?, ?, ?, ?)

-- name: row
SELECT {columns} FROM shadow WHERE turn_id = ?

-- name: due
SELECT {columns} FROM shadow WHERE state = :state AND asked_at_us IS NULL ORDER BY turn_seq LIMIT :limit

-- name: under_way
SELECT {columns} FROM shadow WHERE asked_at_us IS NOT NULL AND state != 'batched'

-- name: batches
SELECT DISTINCT batch_id FROM shadow WHERE state = 'batched'

-- name: in_batch
SELECT {columns} FROM shadow WHERE state = 'batched' AND batch_id = ?

-- name: listed
SELECT {columns} FROM shadow
WHERE (:state IS NULL OR state = :state) AND (:material IS NULL OR material = :material)
ORDER BY turn_seq DESC LIMIT :limit

-- name: money
SELECT coalesce(sum(held_pico), 0), coalesce(sum(cost_pico), 0), coalesce(sum(judge_cost_pico), 0),
    coalesce(sum(lost_pico), 0)
FROM shadow WHERE spent_at_us >= :since_us AND spent_at_us < :until_us AND (:simulated IS NULL OR simulated = :simulated)

-- name: routed
SELECT coalesce(sum(cost_pico), 0), coalesce(sum(turns), 0) FROM shadow_seen
WHERE day >= :since_day AND day < :until_day AND (:simulated IS NULL OR simulated = :simulated)

-- name: states
SELECT state, why, count(*) FROM shadow GROUP BY state, why

-- name: seen
SELECT day, route, intent, simulated, turns, unknown, reasked FROM shadow_seen WHERE day >= :since_day AND day < :until_day

-- name: chosen
SELECT turn_id, probability, state, verdict, material, decided_by, review,
    (SELECT label.value = 'b' FROM label_item JOIN label ON label.item_id = label_item.id
     WHERE label_item.turn_id = shadow.turn_id AND label_item.kind = 'pair' AND label.value != 'skip'
     ORDER BY label.seq DESC LIMIT 1) AS human,
    route, coalesce(intent, ''), conversation_id, key_id, of_simulated
FROM shadow WHERE at_us >= :since_us AND at_us < :until_us

-- name: spent_by
SELECT route, coalesce(intent, ''), coalesce(sum(cost_pico), 0), coalesce(sum(judge_cost_pico), 0),
    sum(lost_pico + held_pico), count(*)
FROM shadow
WHERE at_us >= :since_us AND at_us < :until_us AND (:simulated IS NULL OR of_simulated = :simulated)
GROUP BY 1, 2

-- name: material_ids
-- What a person said of a pair goes before what the rule or the judge found.
SELECT turn_id FROM shadow WHERE coalesce(
    (SELECT label.value = 'b' FROM label_item JOIN label ON label.item_id = label_item.id
     WHERE label_item.turn_id = shadow.turn_id AND label_item.kind = 'pair' AND label.value != 'skip'
     ORDER BY label.seq DESC LIMIT 1), material) = 1

-- name: batch_of
SELECT batch.id FROM batch JOIN batch_item ON batch_item.batch_id = batch.id
WHERE batch.purpose = 'shadow' AND batch_item.item_id = ? ORDER BY batch.created_at_us DESC LIMIT 1
