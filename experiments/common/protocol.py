"""Mazes and seeds that several experiments share."""

MAZES = ("umaze", "medium", "large")
TRAINING_SEEDS = (0, 1, 2)
TUNING = range(7_000, 8_000)
"""Episode seeds that settings were chosen on; no result uses them."""
