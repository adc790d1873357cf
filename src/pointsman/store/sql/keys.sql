-- name: insert_key
INSERT INTO client_key (id, name, secret_sha256, models, created_at_us, operator, role) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: list_keys
SELECT id, name, models, created_at_us, revoked_at_us, role FROM client_key ORDER BY created_at_us, id

-- name: live_keys
SELECT id, name, models, secret_sha256, role FROM client_key WHERE revoked_at_us IS NULL

-- name: revoke_key
UPDATE client_key SET revoked_at_us = ? WHERE id = ? AND revoked_at_us IS NULL

-- name: key_exists
SELECT 1 FROM client_key WHERE id = ?
