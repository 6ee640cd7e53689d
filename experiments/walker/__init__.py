"""Training of the policy that walks OGBench's ant, from which the ant's datasets are collected."""
