-- name: insert_schema
INSERT OR IGNORE INTO contract_schema (version, name, schema, at_us) VALUES (?, ?, ?, ?)

-- name: insert_rejection
INSERT INTO rejection (
    at_us, outcome, contract, version, model, kinds, failures, repairs, raw, purpose, attempt, turn_id, conversation_id, agent
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: list_rejections
SELECT id, at_us, outcome, contract, version, model, kinds, failures, repairs, raw, purpose, attempt, turn_id,
    conversation_id, agent
FROM rejection
WHERE {where}
ORDER BY at_us DESC, id DESC
LIMIT :limit

-- name: sum_rejections
SELECT {keys} count(*) AS replies, sum(outcome = 'rejected') AS rejected, sum(outcome = 'repaired') AS repaired,
    count(DISTINCT turn_id) AS turns, min(at_us) AS first_us, max(at_us) AS last_us
FROM rejection
WHERE {where}
{group}
ORDER BY rejected DESC, repaired DESC

-- name: sum_rejections_by_kind
SELECT {keys} count(*) AS replies, sum(outcome = 'rejected') AS rejected, sum(outcome = 'repaired') AS repaired,
    count(DISTINCT turn_id) AS turns, min(at_us) AS first_us, max(at_us) AS last_us
FROM rejection, json_each(rejection.kinds) AS one
WHERE {where}
{group}
ORDER BY rejected DESC, repaired DESC
