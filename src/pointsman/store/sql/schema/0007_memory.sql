-- What is remembered of a conversation between its turns: one row each, gone after its time or with its customer.

CREATE TABLE memory (
    key_id TEXT NOT NULL,           -- '' where no key was asked for
    conversation_id TEXT NOT NULL,
    customer TEXT,                  -- the user the client named in its metadata
    data BLOB NOT NULL,             -- domain.memory.Memory as msgpack
    updated_at_us INTEGER NOT NULL,
    expires_at_us INTEGER NOT NULL,
    PRIMARY KEY (key_id, conversation_id)
) WITHOUT ROWID;

CREATE INDEX memory_conversation ON memory (conversation_id);
CREATE INDEX memory_customer ON memory (customer);
CREATE INDEX memory_expires ON memory (expires_at_us);
