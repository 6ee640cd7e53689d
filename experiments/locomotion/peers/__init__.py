"""Peers: offline-RL algorithms of d3rlpy, in a virtual environment of their own."""
