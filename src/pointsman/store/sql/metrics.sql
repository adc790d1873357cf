-- name: rejections
-- Most models break few contracts; the model of a rejection is one of the catalogue.
SELECT model, outcome, count(*) FROM rejection WHERE at_us >= :since_us GROUP BY model, outcome

-- name: shadow_cost
SELECT coalesce(sum(coalesce(cost_pico, 0) + coalesce(judge_cost_pico, 0)), 0) FROM shadow WHERE changed_at_us >= :since_us

-- name: readers
SELECT name, seq FROM cursor

-- name: has_incidents
SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'incident'

-- name: open_incidents
SELECT severity, simulated, count(*) FROM incident WHERE state <> 'resolved' GROUP BY severity, simulated
