"""Locomotion: reward tasks on MuJoCo's Hopper."""
