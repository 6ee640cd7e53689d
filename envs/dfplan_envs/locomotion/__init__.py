"""Locomotion: D4RL-style datasets of Gymnasium's Hopper, Walker2d and HalfCheetah."""
