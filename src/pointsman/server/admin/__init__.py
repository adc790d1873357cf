"""HTTP beside the turns: outcomes, feedback, agents. One row in ``routes`` and one function per endpoint."""
