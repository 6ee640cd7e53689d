"""A task that needs memory, and history guidance."""
