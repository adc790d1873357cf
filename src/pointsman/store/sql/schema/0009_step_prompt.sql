-- Which version of which prompt a call was given, as role@version; NULL: the client's own messages only.

ALTER TABLE step ADD COLUMN prompt TEXT;
