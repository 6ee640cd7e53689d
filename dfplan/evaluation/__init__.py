"""Evaluation: episodes, metrics, baselines and timings."""
