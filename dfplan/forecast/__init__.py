"""Forecasts: samples of how observed trajectories continue, and their calibration."""
