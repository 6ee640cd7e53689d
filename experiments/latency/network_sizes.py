"""Sizes of the reference architecture: a maze planner like Diffusion Forcing's."""

LAYERS = 12
WIDTH = 128
HEADS = 4
HIDDEN = 512
FEATURES = 20
FUTURE = 80
"""Future tokens of a plan."""
TOKENS = 1 + FUTURE
"""The present and the future."""
BATCH = 128
"""Windows per training step."""
STEPS = 50
"""Denoising steps of a guided plan."""
MATRIX = "pyramid"
"""Scheduling matrix of a guided plan."""
