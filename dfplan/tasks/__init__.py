"""Tasks: what to plan for, the environments that they name, and perturbations of those."""
