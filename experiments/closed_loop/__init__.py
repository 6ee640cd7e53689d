"""The Maze2D protocol's episodes in one compiled program, beside those in MuJoCo."""
