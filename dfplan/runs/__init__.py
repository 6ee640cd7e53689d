"""Runs: trained planners on disk, and how they are trained."""
