"""Representation: how observations become states, and states become tokens."""
