"""Drawing of a maze with matplotlib."""

import numpy as np

from dfplan_envs.pointmaze.maps import Maze

WALL_COLOR = "#b28048"
FLOOR_COLOR = "#f4f1ec"
GOAL_COLOR = "#d1352b"
BALL_COLOR = "#2b6cb0"


def draw_maze(ax, maze: Maze, goal: np.ndarray | None, radius: float) -> None:
    """Draw walls as unit squares and the goal as a disc of the success radius.

    Args:
        ax: matplotlib Axes; its limits are set to the map and its aspect to equal.
        maze: Maze map.
        goal: Goal position (x, y) in meters; None draws no goal.
        radius: Success radius in meters.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle, Rectangle

    corners = [maze.center(cell) - 0.5 for cell in maze.walls]
    squares = [Rectangle((left, bottom), 1, 1) for left, bottom in corners]
    # Edges in the face color close the hairlines between adjacent squares.
    ax.add_collection(
        PatchCollection(squares, facecolor=WALL_COLOR, edgecolor=WALL_COLOR, linewidth=0.3)
    )
    if goal is not None:
        ax.add_patch(Circle(tuple(goal), radius, facecolor=GOAL_COLOR, alpha=0.25, linewidth=0))
        ax.plot(*goal, marker="*", color=GOAL_COLOR, markersize=9, linestyle="none")
    rows, columns = maze.shape
    ax.set_facecolor(FLOOR_COLOR)
    ax.set_xlim(-columns / 2, columns / 2)
    ax.set_ylim(-rows / 2, rows / 2)
    ax.set_aspect("equal")
