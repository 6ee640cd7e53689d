"""Figures and videos: plans in their environment, a plan being denoised, recorded episodes.

Everything is drawn on matplotlib's Agg canvas, which needs no display and leaves pyplot alone.
"""
