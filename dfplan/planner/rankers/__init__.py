"""Rankers: how candidate plans are compared."""
