"""Where alerts go: one file per receiver, each from a notice to one request."""
