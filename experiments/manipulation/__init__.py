"""OGBench's manipulation suite: planners, their success, and where episodes are lost."""
