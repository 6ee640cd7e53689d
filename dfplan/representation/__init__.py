"""Representation: observations as states, and states as tokens."""
