"""Where answers are graded: here, in other processes, or on the machines of a Ray cluster. Same grades, whichever."""
