-- name: keys_of_conversation
-- NULL (no key was asked for) comes as ''.
SELECT DISTINCT coalesce(key_id, '') FROM turn WHERE conversation_id = ?

-- name: add_report
INSERT INTO outcome_report (key_id, conversation_id, report_id, at_us, received_at_us, fields) VALUES (?, ?, ?, ?, ?, ?)

-- name: report_by_id
SELECT conversation_id, fields FROM outcome_report WHERE key_id = ? AND report_id = ?

-- name: reports_of
SELECT at_us, fields FROM outcome_report WHERE key_id = ? AND conversation_id = ? ORDER BY at_us, seq

-- name: put_outcome
INSERT OR REPLACE INTO outcome
    (conversation_id, key_id, resolved, escalated, reopened, csat, handoff_pico, source, at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: outcome_of
SELECT conversation_id, key_id, resolved, escalated, reopened, csat, handoff_pico, source, at_us
FROM outcome WHERE conversation_id = ? AND key_id = ?

-- name: key_of_turn
SELECT coalesce(key_id, '') FROM turn WHERE id = ?

-- name: feedback_by_id
SELECT turn_id FROM feedback WHERE key_id = ? AND feedback_id = ?

-- name: add_feedback
INSERT INTO feedback (turn_id, key_id, feedback_id, at_us, received_at_us, source, thumb, rating, label, comment, route, intent)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: feedback_of
SELECT feedback_id, at_us, source, thumb, rating, label, comment, route, intent
FROM feedback WHERE turn_id = ? ORDER BY at_us, seq

-- name: any_outcome
SELECT EXISTS (SELECT 1 FROM outcome)

-- name: outcome_groups
-- A conversation counts once in every group in which it has a turn; its cost there is that of its turns in the group.
-- Money comes in two halves (see money.py). The cost per resolved conversation rests on conversations whose resolution is
-- known and whose every turn has a known cost.
WITH conversation AS (
    SELECT {names}
        o.resolved AS resolved, o.escalated AS escalated, o.reopened AS reopened, o.csat AS csat, o.handoff_pico AS handoff,
        o.conversation_id IS NOT NULL AS reported,
        count(*) = count(cost_pico) AND o.resolved IS NOT NULL AS counted,
        sum(cost_pico / 1000000) AS cost_micro, sum(cost_pico % 1000000) AS cost_rest
    FROM (SELECT {keys} turn.* FROM turn WHERE {where}) AS turn
    LEFT JOIN outcome AS o ON o.conversation_id = turn.conversation_id AND o.key_id = coalesce(turn.key_id, '')
    GROUP BY {names} turn.conversation_id, coalesce(turn.key_id, '')
)
SELECT {names}
    count(*) AS conversations,
    sum(reported) AS reported,
    count(resolved) AS resolved_n,
    sum(resolved) AS resolved,
    count(escalated) AS escalated_n,
    sum(escalated) AS escalated,
    count(reopened) AS reopened_n,
    sum(reopened) AS reopened,
    count(csat) AS csat_n,
    avg(csat) AS csat,
    count(handoff) AS handoff_n,
    sum(handoff / 1000000) AS handoff_micro,
    sum(handoff % 1000000) AS handoff_rest,
    sum(counted) AS cost_n,
    sum(CASE WHEN counted THEN resolved END) AS cost_resolved,
    sum(CASE WHEN counted THEN cost_micro + coalesce(handoff / 1000000, 0) END) AS spent_micro,
    sum(CASE WHEN counted THEN cost_rest + coalesce(handoff % 1000000, 0) END) AS spent_rest
FROM conversation
{group}
