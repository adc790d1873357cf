"""Rules that count evidence: what is counted, and when it is enough to say that something changed."""
