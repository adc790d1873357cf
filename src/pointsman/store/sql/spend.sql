-- name: find
SELECT spent_pico, assumed_pico, assumed_calls, unpriced_calls FROM spend
WHERE scope = :scope AND id = :id AND period = :period AND simulated = :simulated

-- name: hold
INSERT OR REPLACE INTO hold (call_id, scope, id, period, simulated, pico, at_us)
VALUES (:call_id, :scope, :id, :period, :simulated, :pico, :at_us)

-- name: release
DELETE FROM hold WHERE call_id = :call_id

-- name: add
INSERT INTO spend (scope, id, period, simulated, spent_pico, assumed_pico, assumed_calls, unpriced_calls)
VALUES (:scope, :id, :period, :simulated, :spent, :assumed, :assumed_calls, :unpriced_calls)
ON CONFLICT (scope, id, period, simulated) DO UPDATE SET
    spent_pico = spent_pico + excluded.spent_pico,
    assumed_pico = assumed_pico + excluded.assumed_pico,
    assumed_calls = assumed_calls + excluded.assumed_calls,
    unpriced_calls = unpriced_calls + excluded.unpriced_calls

-- name: assume_left_over
INSERT INTO spend (scope, id, period, simulated, spent_pico, assumed_pico, assumed_calls, unpriced_calls)
SELECT scope, id, period, simulated, sum(pico), sum(pico), count(*), 0 FROM hold
WHERE pico > 0 AND (:call_id IS NULL OR call_id = :call_id) GROUP BY scope, id, period, simulated
ON CONFLICT (scope, id, period, simulated) DO UPDATE SET
    spent_pico = spent_pico + excluded.spent_pico,
    assumed_pico = assumed_pico + excluded.assumed_pico,
    assumed_calls = assumed_calls + excluded.assumed_calls

-- name: count_left_over
SELECT count(DISTINCT call_id) FROM hold WHERE pico > 0

-- name: mark_left_over
-- A negative amount was counted as spent. Its row stays: whoever learns the true cost takes the amount back.
UPDATE hold SET pico = -pico WHERE pico > 0

-- name: forget_old
DELETE FROM hold WHERE pico < 0 AND at_us < ?

-- name: take_back
UPDATE spend SET spent_pico = spent_pico + hold.pico, assumed_pico = assumed_pico + hold.pico, assumed_calls = assumed_calls - 1
FROM hold WHERE hold.call_id = :call_id AND hold.pico < 0 AND hold.scope = spend.scope AND hold.id = spend.id
    AND hold.period = spend.period AND hold.simulated = spend.simulated

-- name: add_to_left
INSERT INTO spend (scope, id, period, simulated, spent_pico, assumed_pico, assumed_calls, unpriced_calls)
SELECT scope, id, period, simulated, :pico, 0, 0, 0 FROM hold WHERE call_id = :call_id
ON CONFLICT (scope, id, period, simulated) DO UPDATE SET spent_pico = spent_pico + excluded.spent_pico

-- name: is_known
SELECT EXISTS (SELECT 1 FROM spend WHERE scope = :scope AND period = :period AND simulated = :simulated)

-- name: seed_all
INSERT INTO spend (scope, id, period, simulated, spent_pico, assumed_pico, assumed_calls, unpriced_calls)
SELECT 'all', '', :period, :simulated, coalesce(sum(cost_pico), 0), 0, 0, coalesce(sum(cost_pico IS NULL AND status <> 'error'), 0)
FROM turn WHERE at_us >= :since_us AND simulated = :simulated AND dialect <> 'otlp' HAVING count(*) > 0

-- name: seed_key
INSERT INTO spend (scope, id, period, simulated, spent_pico, assumed_pico, assumed_calls, unpriced_calls)
SELECT 'key', coalesce(client_key.name, ''), :period, :simulated, coalesce(sum(cost_pico), 0), 0, 0,
    sum(cost_pico IS NULL AND status <> 'error')
FROM turn LEFT JOIN client_key ON client_key.id = turn.key_id
WHERE at_us >= :since_us AND simulated = :simulated AND dialect <> 'otlp' GROUP BY 2

-- name: seed_conversation
INSERT INTO spend (scope, id, period, simulated, spent_pico, assumed_pico, assumed_calls, unpriced_calls)
SELECT 'conversation', replace(coalesce(client_key.name, ''), '/', '%2F') || '/' || conversation_id, :period, :simulated,
    coalesce(sum(cost_pico), 0), 0, 0, sum(cost_pico IS NULL AND status <> 'error')
FROM turn LEFT JOIN client_key ON client_key.id = turn.key_id
WHERE at_us >= :since_us AND simulated = :simulated AND dialect <> 'otlp' GROUP BY 2

-- name: listed
SELECT spend.scope, spend.id, spend.period, spend.simulated, spent_pico, assumed_pico, assumed_calls, unpriced_calls,
    coalesce((SELECT sum(pico) FROM hold WHERE hold.scope = spend.scope AND hold.id = spend.id
        AND hold.period = spend.period AND hold.simulated = spend.simulated AND hold.pico > 0), 0) AS held_pico
FROM spend WHERE period IN (:day, :month, 'total')
UNION ALL
SELECT scope, id, period, simulated, 0, 0, 0, 0, sum(pico) FROM hold
WHERE pico > 0 AND period IN (:day, :month, 'total') AND NOT EXISTS (
    SELECT 1 FROM spend WHERE spend.scope = hold.scope AND spend.id = hold.id
        AND spend.period = hold.period AND spend.simulated = hold.simulated)
GROUP BY scope, id, period, simulated
ORDER BY 1, 3, 5 DESC, 2
