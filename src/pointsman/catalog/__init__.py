"""Models, their abilities and exact prices by date; workload economics and advice."""
