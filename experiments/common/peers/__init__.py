"""OGBench's algorithms in compact form: learned and evaluated on the same data as the planners."""
