-- name: known_traces
SELECT trace_id, conversation_id FROM captured_trace WHERE key_id = ? AND trace_id IN ({marks})

-- name: stored
SELECT id FROM turn WHERE id IN ({marks})

-- name: held
SELECT turn_id FROM captured_waiting WHERE turn_id IN ({marks})

-- name: put_trace
INSERT INTO captured_trace (trace_id, key_id, conversation_id, seen_us) VALUES (:trace_id, :key_id, :conversation_id, :now_us)
ON CONFLICT (trace_id, key_id) DO UPDATE SET conversation_id = coalesce(conversation_id, excluded.conversation_id)

-- name: put_waiting
INSERT OR IGNORE INTO captured_waiting (turn_id, trace_id, key_id, record, since_us) VALUES (?, ?, ?, ?, ?)

-- name: due
SELECT record, conversation_id FROM captured_waiting
LEFT JOIN captured_trace USING (trace_id, key_id)
WHERE captured_trace.trace_id IS NOT NULL OR since_us <= :since_us
ORDER BY since_us LIMIT :limit

-- name: release
DELETE FROM captured_waiting WHERE turn_id = ?

-- name: forget
DELETE FROM captured_trace WHERE seen_us < ?
