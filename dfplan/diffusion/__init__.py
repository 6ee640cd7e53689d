"""The mathematics of diffusion with a noise level per token: pure functions on arrays."""
