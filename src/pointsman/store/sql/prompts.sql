-- name: keep_text
INSERT OR IGNORE INTO prompt_text (version, text, first_at_us) VALUES (?, ?, ?)

-- name: text_of
SELECT text FROM prompt_text WHERE version = ?

-- name: versions_like
SELECT version FROM prompt_text WHERE version >= :prefix AND substr(version, 1, length(:prefix)) = :prefix ORDER BY version

-- name: add_change
INSERT INTO prompt_change (at_us, role, agent, label, action, version, before, actor, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: newest_change
SELECT coalesce(max(seq), 0) FROM prompt_change

-- name: in_force
-- SQLite gives the other columns of the row in which max() was found.
SELECT role, agent, label, version, max(seq) AS seq, at_us, actor, reason, action, before
FROM prompt_change GROUP BY role, agent, label

-- name: changes_of
SELECT seq, at_us, role, agent, label, action, version, before, actor, reason
FROM prompt_change WHERE role = :role AND agent = :agent AND label = :label ORDER BY seq

-- name: changes_of_role
SELECT seq, at_us, role, agent, label, action, version, before, actor, reason
FROM prompt_change WHERE role = :role AND (:agent IS NULL OR agent = :agent) ORDER BY seq DESC LIMIT :limit
