"""Wire format between a policy server and its robots, without JAX: openpi's protocol."""
