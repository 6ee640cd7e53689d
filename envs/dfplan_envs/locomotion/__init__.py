"""Locomotion: D4RL-style datasets of Gymnasium's Hopper."""
