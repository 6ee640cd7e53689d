"""Training: the loss, the pure step, checkpoints, and the one loop with side effects."""
