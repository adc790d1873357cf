-- name: turns_after
SELECT seq, id, conversation_id, at_us, dialect, status, model, route, tier, intent, policy, channel, http_status, duration_ms,
    ttft_ms, gateway_us, cost_pico, error_code, simulated, key_id, reply_hash, detail,
    input_uncached, output, cache_read, cache_write, cache_write_1h, reasoning
FROM turn WHERE seq > ? ORDER BY seq LIMIT ?

-- name: turns_in
SELECT seq, id, conversation_id, at_us, dialect, status, model, route, tier, intent, policy, channel, http_status, duration_ms,
    ttft_ms, gateway_us, cost_pico, error_code, simulated, key_id, reply_hash, detail,
    input_uncached, output, cache_read, cache_write, cache_write_1h, reasoning
FROM turn WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq

-- name: steps_between
SELECT turn_seq, purpose, model, status, duration_ms, attempt, http_status, error_code, stop_reason,
    input_uncached, output, cache_read, cache_write, cache_write_1h, reasoning, estimated, ttft_ms, upstream_model
FROM step WHERE turn_seq > ? AND turn_seq <= ? ORDER BY turn_seq, n

-- name: steps_in
SELECT turn_seq, purpose, model, status, duration_ms, attempt, http_status, error_code, stop_reason,
    input_uncached, output, cache_read, cache_write, cache_write_1h, reasoning, estimated, ttft_ms, upstream_model
FROM step WHERE turn_seq IN (SELECT value FROM json_each(?)) ORDER BY turn_seq, n
-- name: seqs_between
SELECT seq FROM turn WHERE at_us >= ? AND at_us < ? AND simulated = ? ORDER BY at_us DESC LIMIT ?

