"""Tasks: environments with their datasets, perturbations and evaluation protocols."""
