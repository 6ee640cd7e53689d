"""Utilities that are independent of planning."""
