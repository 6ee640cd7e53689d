"""OGBench's mazes: bounds for any controller, and results of dfplan's planners."""
