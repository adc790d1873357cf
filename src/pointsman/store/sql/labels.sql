-- name: add_item
INSERT OR IGNORE INTO label_item (id, kind, origin, metric, version, question, turn_id, conversation_id, content, place, added_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: item
SELECT id, kind, origin, metric, version, question, turn_id, conversation_id, content, place, added_at_us
FROM label_item WHERE id = ?

-- name: all_items
SELECT id, kind, origin, metric, version, question, turn_id, conversation_id, content, place, added_at_us
FROM label_item ORDER BY place, id

-- name: queue
-- First what somebody else labelled and is to be labelled twice, then what nobody labelled; never what this labeller saw.
-- What is shown is read last, for those alone that are wanted.
WITH next AS (
    SELECT item.id, coalesce(said.n, 0) AS n, item.place
    FROM label_item AS item
    LEFT JOIN (SELECT item_id, count(*) AS n FROM label GROUP BY item_id) AS said ON said.item_id = item.id
    WHERE NOT EXISTS (SELECT 1 FROM label AS own WHERE own.item_id = item.id AND own.labeller = :labeller)
        AND (:kind IS NULL OR item.kind = :kind) AND (:metric IS NULL OR item.metric = :metric)
        AND (coalesce(said.n, 0) = 0 OR (said.n = 1 AND substr(item.id, 1, 1) IN ('0', '5', 'a')))
    ORDER BY n DESC, item.place, item.id
    LIMIT :limit
)
SELECT item.id, item.kind, item.origin, item.metric, item.version, item.question, item.turn_id, item.conversation_id,
    item.content, item.place, item.added_at_us
FROM next JOIN label_item AS item ON item.id = next.id
ORDER BY next.n DESC, next.place, next.id

-- name: waiting
SELECT count(*) FROM label_item AS item
WHERE NOT EXISTS (SELECT 1 FROM label WHERE label.item_id = item.id)

-- name: put_label
INSERT OR REPLACE INTO label (item_id, labeller, value, swapped, note, at_us) VALUES (?, ?, ?, ?, ?, ?)

-- name: labels
SELECT label.item_id, label.labeller, label.value, label.swapped, label.note, label.at_us, label_item.metric
FROM label JOIN label_item ON label_item.id = label.item_id
WHERE :metric IS NULL OR label_item.metric = :metric
ORDER BY label.seq

-- name: labellers
SELECT labeller, count(*), sum(value != 'skip') FROM label GROUP BY labeller ORDER BY 2 DESC, 1

-- name: put_judgement
INSERT OR REPLACE INTO judgement (item_id, judge, version, metric, verdict, flipped, reason, cost_pico, at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: judgements
SELECT item_id, judge, version, metric, verdict, flipped, reason, cost_pico, at_us FROM judgement
WHERE judge = ? AND version = ? AND metric = ? ORDER BY item_id

-- name: judgements_of
SELECT item_id, judge, version, metric, verdict, flipped, reason, cost_pico, at_us FROM judgement
WHERE item_id = ? ORDER BY at_us DESC

-- name: judges
SELECT judge, version, metric, count(*) FROM judgement GROUP BY judge, version, metric ORDER BY max(at_us) DESC

-- name: review_turns
-- Shadow answers that differ in a way that matters, or that nobody could decide: what a person should look at. The uncertain first.
SELECT shadow.turn_id, turn.conversation_id, shadow.verdict, shadow.flipped, shadow.material, shadow.judge, shadow.detail,
    shadow.judge_cost_pico, shadow.changed_at_us
FROM shadow JOIN turn ON turn.id = shadow.turn_id
WHERE state = 'judged' AND (material = 1 OR flipped = 1 OR verdict IS NULL OR verdict = 'tie')
    AND shadow.reply IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM label_item WHERE label_item.turn_id = shadow.turn_id AND label_item.kind = 'pair')
ORDER BY shadow.flipped DESC, shadow.turn_seq DESC
LIMIT ?

-- name: shadow_reply
SELECT model, reply FROM shadow WHERE turn_id = ?

-- name: forget_conversation_labels
DELETE FROM label WHERE item_id IN (
    SELECT id FROM label_item WHERE conversation_id = :conversation
        OR turn_id IN (SELECT id FROM turn WHERE conversation_id = :conversation))

-- name: forget_conversation_judgements
DELETE FROM judgement WHERE item_id IN (
    SELECT id FROM label_item WHERE conversation_id = :conversation
        OR turn_id IN (SELECT id FROM turn WHERE conversation_id = :conversation))

-- name: forget_conversation_items
DELETE FROM label_item WHERE conversation_id = :conversation
    OR turn_id IN (SELECT id FROM turn WHERE conversation_id = :conversation)
