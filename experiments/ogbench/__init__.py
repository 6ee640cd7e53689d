"""OGBench's mazes: what any controller can do, and what dfplan's planners do."""
