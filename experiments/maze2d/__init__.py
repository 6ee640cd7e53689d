"""Maze2D and Multi2D: dfplan on D4RL's mazes, with fixed and with random goals."""
