-- name: recall
SELECT data FROM memory WHERE key_id = ? AND conversation_id = ? AND expires_at_us > ?

-- name: of_conversation
SELECT key_id, customer, data, updated_at_us, expires_at_us FROM memory
WHERE conversation_id = ? AND expires_at_us > ? ORDER BY key_id

-- name: put
-- A turn without a customer's name does not take the name away.
INSERT INTO memory (key_id, conversation_id, customer, data, updated_at_us, expires_at_us) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (key_id, conversation_id) DO UPDATE SET
    customer = coalesce(excluded.customer, customer), data = excluded.data, updated_at_us = excluded.updated_at_us,
    expires_at_us = excluded.expires_at_us

-- name: remove
DELETE FROM memory WHERE key_id = ? AND conversation_id = ?

-- name: expire
DELETE FROM memory WHERE expires_at_us <= ?

-- name: forget_conversation
DELETE FROM memory WHERE conversation_id = ?

-- name: forget_customer
DELETE FROM memory WHERE customer = ?
