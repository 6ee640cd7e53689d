"""Forecasts: how observed trajectories continue."""
