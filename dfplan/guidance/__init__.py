"""Guidance: costs of plans, and wrappers that turn a denoiser into a guided one."""
