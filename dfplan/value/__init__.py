"""Value: what the future is worth, learned from the rewards in the data."""
