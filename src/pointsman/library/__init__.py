"""The Python door: turns without a server in between. It sees to the same decoding and the same records as HTTP."""
