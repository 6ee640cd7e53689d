"""Value: expected returns of states and plans, learned from the rewards in the data."""
