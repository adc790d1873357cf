-- name: insert_body
INSERT OR IGNORE INTO body (hash, data) VALUES (?, ?)

-- name: last_seq
-- A turn that was deleted does not give its seq back.
SELECT max(coalesce((SELECT max(seq) FROM turn), 0), (SELECT last_seq FROM store_identity))

-- name: insert_turn
-- The column order is that of rows.turn_row.
INSERT INTO turn (
    seq, id, conversation_id, at_us, dialect, status, requested_model, model, route, tier, intent, policy, confidence,
    key_id, channel, stream, http_status, error_code, duration_ms, ttft_ms, gateway_us,
    input_uncached, output, cache_read, cache_write, cache_write_1h, reasoning,
    cost_pico, flagship_model, flagship_cost_pico, simulated, reply_hash, manifest, detail
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_step
-- The column order is that of rows.step_row.
INSERT INTO step (
    turn_seq, n, purpose, model, status, duration_ms, attempt, http_status, error_code, error_text, stop_reason,
    input_uncached, output, cache_read, cache_write, cache_write_1h, reasoning,
    estimated, cost_pico, ttft_ms, relayed, upstream_model, request_id, prompt, started_ms, chunks
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: turn_by_id
SELECT * FROM turn WHERE id = ?

-- name: steps_of
SELECT * FROM step WHERE turn_seq = ? ORDER BY n

-- name: body_by_hash
SELECT data FROM body WHERE hash = ?

-- name: ids_with_prefix
-- A range, not LIKE: it uses the index, and % and _ in an id mean themselves.
SELECT id FROM turn WHERE id >= :prefix AND substr(id, 1, length(:prefix)) = :prefix ORDER BY id LIMIT :limit

-- name: list_turns
SELECT id, conversation_id, at_us, dialect, status, requested_model, model, route, tier, intent, policy, confidence,
    key_id, channel, stream, http_status, error_code, duration_ms, ttft_ms,
    input_uncached, output, cache_read, cache_write, cache_write_1h, reasoning,
    cost_pico, flagship_model, flagship_cost_pico, simulated
FROM turn
WHERE {where}
ORDER BY at_us DESC, seq DESC
LIMIT :limit

-- name: count_turns
SELECT count(*) FROM turn WHERE {where}
