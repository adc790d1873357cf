"""Chooses a route and a model for a turn: signals, rules, eligibility, choice, one Decision."""
