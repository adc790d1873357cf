-- name: place_in_run
SELECT n FROM agent_step WHERE run_id = :run_id AND turn_id = :turn_id

-- name: calls_before
-- The calls that the run's model step before this one asked for, as far as they were made.
SELECT asked.turn_id AS turn_id, agent_call.call_id AS call_id, agent_call.tool AS tool, agent_call.arguments AS arguments,
    agent_call.state AS state, agent_call.started_at_us AS started_us, agent_call.ended_at_us AS ended_us,
    agent_call.writes AS writes
FROM agent_step AS asked JOIN agent_call ON agent_call.run_id = asked.run_id AND agent_call.step = asked.n
WHERE asked.run_id = :run_id AND asked.turn_id IS NOT NULL
    AND asked.n = (SELECT max(n) FROM agent_step WHERE run_id = :run_id AND n < :n AND kind = 'model')
    AND agent_call.started_at_us IS NOT NULL AND agent_call.ended_at_us IS NOT NULL
ORDER BY agent_call.i
