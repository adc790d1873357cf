"""Frozen data that every room shares. No I/O, no clock, no configuration: import from the modules themselves."""
