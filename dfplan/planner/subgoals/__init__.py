"""Subgoals: a search over what the data's moves do, and a planner that makes one at a time."""
