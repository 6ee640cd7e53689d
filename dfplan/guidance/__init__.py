"""Guidance: costs of plans, and wrappers that guide a denoiser by them."""
