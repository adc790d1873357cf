"""Small worlds that models act on: a copy of a case's database for each run, its tools, and its state afterwards."""
