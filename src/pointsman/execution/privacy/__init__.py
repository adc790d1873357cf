"""Personal data, taken out before the first write."""
