"""Episodes of the Maze2D protocol in one compiled program, compared with MuJoCo."""
