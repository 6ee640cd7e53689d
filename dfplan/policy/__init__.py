"""Policy: a learned low-level controller that steers from a state toward a target."""
