"""The low-level policy: a network that steers from a state toward a target."""
