"""Readers of recorded conversations, one file per format; ``reader`` opens a file and finds out which it is."""
