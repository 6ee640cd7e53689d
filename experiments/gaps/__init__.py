"""Gaps in tracks, filled by diffusion, by straight lines and by a Kalman smoother."""
