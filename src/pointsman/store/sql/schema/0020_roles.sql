-- What a key may do on the dashboard; NULL: nothing, it only runs turns. The column operator goes on saying who may define
-- agents: operators and admins.

ALTER TABLE client_key ADD COLUMN role TEXT;
UPDATE client_key SET role = 'operator' WHERE operator = 1;
