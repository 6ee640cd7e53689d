"""Datasets: Minari in and out, observations as state vectors, windows of tokens."""
