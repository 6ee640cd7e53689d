"""Real-time chunking: what a delay of the planning costs, by how the robot bridges it."""
