"""Rules of a business as a YAML file, and whether a conversation keeps them: decided by rule, without a model."""
