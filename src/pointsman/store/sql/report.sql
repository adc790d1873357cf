-- name: groups
-- Sums of money come in two halves, since SQLite's integers would overflow at $9.2 million (see money.py). A sum over no
-- known value is NULL: unknown stays unknown.
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
    sum(CASE WHEN ttft_ms IS NOT NULL AND duration_ms > ttft_ms THEN output END) AS streamed_output,
    sum(CASE WHEN ttft_ms IS NOT NULL AND duration_ms > ttft_ms AND output IS NOT NULL
        THEN duration_ms - ttft_ms END) AS streamed_ms,
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
