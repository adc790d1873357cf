-- name: groups
-- Sums of money come in two halves, since SQLite's integers would overflow at $9.2 million (see money.py). A sum over no
-- known value is NULL: unknown stays unknown. Tokens a second are those of the call that answered, not of the turn: a reply
-- that was held until it passed its checks reaches the client all at once.
SELECT {keys}
    count(*) AS turns,
    sum(status IN ('error', 'broken')) AS errors,
    sum(status = 'cancelled') AS cancelled,
    sum(simulated) AS simulated,
    count(input_uncached) AS usage_known,
    sum(input_uncached) AS input_uncached,
    sum(output) AS output,
    count(cache_read) AS cache_read_known,
    sum(cache_read) AS cache_read,
    count(cache_write) AS cache_write_known,
    sum(cache_write) AS cache_write,
    count(reasoning) AS reasoning_known,
    sum(reasoning) AS reasoning,
    sum(CASE WHEN ttft_ms IS NOT NULL THEN (SELECT s.output {streamed}) END) AS streamed_output,
    sum(CASE WHEN ttft_ms IS NOT NULL THEN (SELECT s.duration_ms - s.ttft_ms {streamed}) END) AS streamed_ms,
    count(cost_pico) AS cost_known,
    sum(cost_pico / 1000000) AS cost_micro,
    sum(cost_pico % 1000000) AS cost_rest,
    count(cost_pico + flagship_cost_pico) AS both_known,
    sum(CASE WHEN cost_pico IS NOT NULL THEN flagship_cost_pico / 1000000 END) AS flagship_micro,
    sum(CASE WHEN cost_pico IS NOT NULL THEN flagship_cost_pico % 1000000 END) AS flagship_rest,
    sum(CASE WHEN flagship_cost_pico IS NOT NULL THEN cost_pico / 1000000 END) AS compared_micro,
    sum(CASE WHEN flagship_cost_pico IS NOT NULL THEN cost_pico % 1000000 END) AS compared_rest
FROM turn
WHERE {where}
{group}
ORDER BY turns DESC

-- name: first_tokens
-- Nearest rank: the k-th smallest with k = ceil(n * p), so a quantile is always a value that was measured.
WITH ranked AS (
    SELECT {keys}
        ttft_ms,
        row_number() OVER (PARTITION BY {partition} ORDER BY ttft_ms) AS rank,
        count(*) OVER (PARTITION BY {partition}) AS n
    FROM turn
    WHERE ttft_ms IS NOT NULL AND {where}
)
SELECT {names}
    n,
    max(CASE WHEN rank = (n * 50 + 99) / 100 THEN ttft_ms END) AS p50,
    max(CASE WHEN rank = (n * 95 + 99) / 100 THEN ttft_ms END) AS p95
FROM ranked
GROUP BY {names} n

-- name: calls
-- What each model's calls cost, and for what: a turn may take several, by several models.
SELECT step.model AS model, step.purpose AS purpose,
    count(*) AS calls,
    count(DISTINCT step.turn_seq) AS turns,
    sum(step.status IN ('error', 'broken')) AS failed,
    sum(step.input_uncached + coalesce(step.cache_read, 0) + coalesce(step.cache_write, 0)) AS input,
    sum(step.output) AS output,
    count(CASE WHEN step.status <> 'error' THEN 1 END) AS billed,
    count(CASE WHEN step.status <> 'error' THEN step.cost_pico END) AS cost_known,
    sum(CASE WHEN step.status <> 'error' THEN step.cost_pico / 1000000 END) AS cost_micro,
    sum(CASE WHEN step.status <> 'error' THEN step.cost_pico % 1000000 END) AS cost_rest
FROM step
WHERE step.turn_seq IN (SELECT seq FROM turn WHERE {where})
GROUP BY step.model, step.purpose
ORDER BY calls DESC, step.model, step.purpose
