"""Word lists that signals share, and the matcher that finds them. Data and pure functions, no state."""
