"""What the experiments share; experiments import this package and never each other."""
