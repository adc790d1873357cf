"""Runs a turn: the engine, its attempts and fallbacks, what is remembered, and the record that is kept."""
