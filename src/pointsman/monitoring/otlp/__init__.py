"""Traces that other programs send, taken in as turns."""
