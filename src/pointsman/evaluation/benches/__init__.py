"""Benches: how models do on a team's own schema and traffic. One file each, none imports another.

What they share stands in ``evaluation/bench_*.py``.
"""
