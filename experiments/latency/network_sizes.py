"""The reference architecture's sizes: a maze planner of Diffusion Forcing's kind."""

LAYERS, WIDTH, HEADS, HIDDEN = 12, 128, 4, 512
FEATURES, FUTURE = 20, 80
TOKENS = 1 + FUTURE
"""The present and the future."""
BATCH = 128
"""Windows per training step."""
STEPS, MATRIX = 50, "pyramid"
"""Of a guided plan."""
