"""OGBench's manipulation suite: tasks of a UR5e arm, and data from its scripted policies."""
