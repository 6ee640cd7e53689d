"""PointMaze: a force-driven ball in a maze, with the rules of D4RL or Gymnasium-Robotics."""
