"""Agents that Pointsman runs itself: the managed loop, its tools, approvals, and what survives a crash."""
