"""Recorded conversations and what they prove: importers, replay, demo. Import from the modules themselves."""
