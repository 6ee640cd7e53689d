"""Denoising networks in Flax NNX that take a noise level per token."""
