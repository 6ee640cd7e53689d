"""Training: loss, pure step, checkpoints, and the loop with its side effects."""
