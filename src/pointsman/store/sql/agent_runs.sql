-- name: save_agent
INSERT INTO agent (name, spec, created_at_us, updated_at_us) VALUES (:name, :spec, :now, :now)
ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, updated_at_us = excluded.updated_at_us

-- name: agents
SELECT name, spec, created_at_us, updated_at_us FROM agent ORDER BY name

-- name: remove_agent
DELETE FROM agent WHERE name = ?

-- name: insert_run
INSERT INTO agent_run (id, agent, spec, conversation_id, key_id, state, owner, opening, turn, started_at_us, updated_at_us)
VALUES (:id, :agent, :spec, :conversation_id, :key_id, 'running', :owner, :opening, :turn, :now, :now)

-- name: claim_run
UPDATE agent_run SET state = 'running', owner = :owner, updated_at_us = :now, expires_at_us = NULL, ended_by = NULL,
    error_code = NULL, error_text = NULL, opening = coalesce(:opening, opening)
WHERE id = :id AND state = :state AND owner = :before

-- name: end_run
UPDATE agent_run SET state = :state, ended_by = :ended_by, reply = :reply, error_code = :error_code,
    error_text = :error_text, expires_at_us = :expires_at_us, updated_at_us = :now
WHERE id = :id AND owner = :owner

-- name: deliver_run
-- A run whose reply was handed over is nobody's work any more.
UPDATE agent_run SET owner = '' WHERE id = ? AND state = 'done'

-- name: touch_run
UPDATE agent_run SET updated_at_us = :now WHERE id = :id

-- name: run_by_id
SELECT * FROM agent_run WHERE id = ?

-- name: runs_with_prefix
SELECT id FROM agent_run WHERE substr(id, 1, length(:prefix)) = :prefix ORDER BY id LIMIT :limit

-- name: newest_runs
SELECT * FROM agent_run ORDER BY started_at_us DESC, id DESC LIMIT ?

-- name: runs_of_conversation
SELECT * FROM agent_run WHERE conversation_id = :conversation_id AND key_id IS :key_id AND agent = :agent
ORDER BY started_at_us DESC, id DESC LIMIT :limit

-- name: insert_step
INSERT INTO agent_step (run_id, n, kind, phase, turn_id, message) VALUES (?, ?, ?, ?, ?, ?)

-- name: steps_of
SELECT * FROM agent_step WHERE run_id = ? ORDER BY n

-- name: insert_call
INSERT INTO agent_call (key, run_id, step, i, call_id, tool, arguments, redacted, writes, state, result, attempts,
    ended_at_us)
VALUES (:key, :run_id, :step, :i, :call_id, :tool, :arguments, :redacted, :writes, :state, :result, :attempts, :ended_at_us)

-- name: approve_calls
UPDATE agent_call SET state = 'planned' WHERE run_id = ? AND state = 'waiting'

-- name: start_call
-- Only for the process that owns the run: another one may have taken it up meanwhile.
UPDATE agent_call SET state = 'started', attempts = attempts + 1, started_at_us = :now
WHERE key = :key AND EXISTS (SELECT 1 FROM agent_run WHERE agent_run.id = agent_call.run_id AND owner = :owner)

-- name: end_call
UPDATE agent_call SET state = :state, result = :result, ended_at_us = :now,
    started_at_us = coalesce(started_at_us, :started_at_us), attempts = max(attempts, :attempts)
WHERE key = :key

-- name: calls_of
SELECT * FROM agent_call WHERE run_id = ? ORDER BY step, i

-- name: costs_of
SELECT s.n, s.phase, t.id, t.status, t.route, t.model, t.tier, t.duration_ms, t.input_uncached, t.output, t.cache_read,
    t.cache_write, t.cost_pico, t.flagship_model, t.flagship_cost_pico
FROM agent_step AS s JOIN turn AS t ON t.id = s.turn_id WHERE s.run_id = ? ORDER BY s.n
