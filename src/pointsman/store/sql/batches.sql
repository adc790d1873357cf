-- name: add_batch
INSERT INTO batch (id, model, purpose, again, simulated, created_at_us) VALUES (?, ?, ?, ?, ?, ?)

-- name: add_part
INSERT INTO batch_part (batch_id, n, state) VALUES (?, ?, 'ready')

-- name: add_item
INSERT INTO batch_item (
    batch_id, position, item_id, turn_id, turn, part, attempt, state, error_code, error_text
) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?)

-- name: batches
SELECT id, model, purpose, again, simulated, cancelled, created_at_us, ended_at_us FROM batch
WHERE :id IS NULL OR id = :id ORDER BY created_at_us DESC, id DESC LIMIT :limit

-- name: parts
SELECT n, state, provider_id, owner, submitting_at_us, error, seen_at_us FROM batch_part WHERE batch_id = ? ORDER BY n

-- name: provider_ids
SELECT provider_id FROM batch_part WHERE provider_id IS NOT NULL

-- name: items
SELECT position, item_id, turn_id, turn, part, attempt, state, error_code, error_text, cost_pico FROM batch_item
WHERE batch_id = :id AND (:part IS NULL OR part = :part) AND (:state IS NULL OR state = :state) ORDER BY position

-- name: counts
SELECT state, count(*), total(cost_pico), count(cost_pico) FROM batch_item WHERE batch_id = ? GROUP BY state

-- name: claim_part
-- Only one process may submit a part: the one whose update finds the state it has read.
UPDATE batch_part SET state = 'submitting', owner = :owner, submitting_at_us = :at_us, error = NULL
WHERE batch_id = :id AND n = :n AND state = 'ready'

-- name: set_part
UPDATE batch_part SET state = :state, provider_id = coalesce(:provider_id, provider_id), error = :error
WHERE batch_id = :id AND n = :n AND state = :was

-- name: see_part
UPDATE batch_part SET seen_at_us = :at_us WHERE batch_id = :id AND n = :n AND seen_at_us IS NULL

-- name: seen_part
SELECT seen_at_us FROM batch_part WHERE batch_id = :id AND n = :n

-- name: set_item
-- Another process may have sent the item again since its result was read: that attempt has not ended.
UPDATE batch_item SET state = :state, error_code = :error_code, error_text = :error_text, cost_pico = :cost_pico
WHERE batch_id = :id AND position = :position AND state = 'waiting' AND attempt = :attempt

-- name: send_again
UPDATE batch_item SET state = 'waiting', part = :part, attempt = attempt + 1, error_code = NULL, error_text = NULL
WHERE batch_id = :id AND position = :position AND attempt = :was AND state IN ('error', 'expired')

-- name: next_part
SELECT coalesce(max(n), 0) + 1 FROM batch_part WHERE batch_id = ?

-- name: cancel_batch
UPDATE batch SET cancelled = 1 WHERE id = ?

-- name: end_batch
-- Another process may just have sent items again: then the batch has not ended.
UPDATE batch SET ended_at_us = :at_us WHERE id = :id AND ended_at_us IS NULL
AND NOT EXISTS (SELECT 1 FROM batch_item WHERE batch_id = :id AND state = 'waiting')
