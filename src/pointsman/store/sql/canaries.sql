-- name: keep
INSERT INTO canary_run
    (at_us, model, cases, simulated, n, passed, failed, served, fingerprints, cost_pico, error_text)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: nights
SELECT at_us, model, cases, simulated, n, passed, failed, served, cost_pico, error_text FROM canary_run
WHERE :model IS NULL OR model = :model ORDER BY at_us DESC, id DESC LIMIT :limit
