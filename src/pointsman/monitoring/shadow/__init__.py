"""Shadow checks: turns answered again by a stronger model, off the customer's path, and judged."""
