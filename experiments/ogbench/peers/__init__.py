"""Other algorithms, learned from the same data and evaluated by the same protocol."""
