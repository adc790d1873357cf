"""Learning: what is trained from recorded turns, and what others train with."""
