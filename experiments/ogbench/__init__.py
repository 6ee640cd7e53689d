"""OGBench's mazes."""
