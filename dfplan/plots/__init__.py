"""Pictures: plans in their environment, a plan being denoised, an episode driven.

They are drawn on matplotlib's Agg canvas, so they need no display and leave pyplot alone.
"""
