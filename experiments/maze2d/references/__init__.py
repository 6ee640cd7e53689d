"""Reference results on the same episodes: random actions, controllers, and the hard bound."""
