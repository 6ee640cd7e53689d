"""Helpers without knowledge of planning."""
