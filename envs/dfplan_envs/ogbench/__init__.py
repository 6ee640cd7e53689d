"""OGBench's mazes and arm: tasks, and data collected by the published procedure.

Park et al. 2025 (arXiv 2410.20092). The environments are those of the `ogbench` package.
"""
