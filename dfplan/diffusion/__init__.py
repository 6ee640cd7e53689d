"""Diffusion with a noise level per token, as pure functions on arrays."""
