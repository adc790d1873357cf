"""Processes that benchmarks/gateway.py starts."""
