"""Subgoals: a search over the effects of single moves, and a planner that makes them in turn."""
