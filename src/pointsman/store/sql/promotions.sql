-- name: add
INSERT INTO promotion (at_us, action, kind, policy_file, before_version, after_version, before_text, after_text, changes, gate,
    forced, simulated, undoes, actor, reason)
VALUES (:at_us, :action, :kind, :policy_file, :before_version, :after_version, :before_text, :after_text, :changes, :gate,
    :forced, :simulated, :undoes, :actor, :reason)

-- name: newest_standing
-- The newest promotion that was not taken back.
SELECT * FROM promotion AS p
WHERE action = 'promote' AND policy_file IN (:policy_file, '')
    AND NOT EXISTS (SELECT 1 FROM promotion AS r WHERE r.undoes = p.seq)
ORDER BY seq DESC LIMIT 1

-- name: history
SELECT * FROM promotion ORDER BY seq DESC LIMIT ?

-- name: add_trial_change
INSERT INTO trial_change (at_us, trial, action, actor, reason, incident) VALUES (?, ?, ?, ?, ?, ?)

-- name: trials
-- SQLite gives the other columns of the row in which max() was found.
SELECT max(seq) AS seq, at_us, trial, action, actor, reason, incident FROM trial_change GROUP BY trial

-- name: trial_history
SELECT seq, at_us, trial, action, actor, reason, incident FROM trial_change ORDER BY seq DESC LIMIT ?
