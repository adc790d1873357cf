"""Statistics of runs: shares over repeats, paired differences, agreement, and how many cases a question needs."""
