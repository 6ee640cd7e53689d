"""PointMaze: a force-driven ball in a maze, with D4RL's and Gymnasium-Robotics' protocols."""
