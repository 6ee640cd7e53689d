"""A task that needs memory, and guidance by histories."""
