"""Evaluation: episodes, metrics, baselines, intervals and timings."""
