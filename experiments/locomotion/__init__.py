"""Locomotion: reward tasks on MuJoCo's Hopper, Walker2d and HalfCheetah."""
