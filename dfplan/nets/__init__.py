"""Denoisers: Flax NNX networks that take a noise level per token."""
