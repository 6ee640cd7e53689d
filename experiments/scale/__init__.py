"""What a sharded training step costs, and what its devices send each other."""
