"""Maze maps: D4RL's three mazes, and a parser for custom maps.

Cells are 1 m squares; row 0 is the top row, and the origin lies at the center of the map, as in
Gymnasium-Robotics: x = column + 0.5 - columns / 2, y = rows / 2 - row - 0.5.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

MAPS: dict[str, tuple[str, ...]] = {
    "UMaze": ("#####", "#GOO#", "###O#", "#OOO#", "#####"),
    "Medium": (
        "########",
        "#OO##OO#",
        "#OO#OOO#",
        "##OOO###",
        "#OO#OOO#",
        "#O#OO#O#",
        "#OOO#OG#",
        "########",
    ),
    "Large": (
        "############",
        "#OOOO#OOOOO#",
        "#O##O#O#O#O#",
        "#OOOOOO#OOO#",
        "#O####O###O#",
        "#OO#O#OOOOO#",
        "##O#O#O#O###",
        "#OO#OOO#OGO#",
        "############",
    ),
}
"""D4RL's mazes (Fu et al. 2020, d4rl/pointmaze/maze_model.py), one character per cell."""

_SYMBOLS = {"#": "#", "1": "#", " ": "O", "O": "O", "0": "O", "G": "G", "R": "R", "C": "C"}
_VALID = "'#' or '1' (wall); ' ', 'O' or '0' (free); 'G' (goal); 'R' (start); 'C' (goal and start)"

MazeMap = str | Sequence[str] | Sequence[Sequence[int | str]]
Cell = tuple[int, int]


@dataclass(frozen=True)
class Maze:
    """A validated map; build it with `parse_map`.

    Attributes:
        rows: Cells, one string per row, made of '#' (wall), 'O' (free), 'G' (goal), 'R' (start)
            and 'C' (goal and start).
    """

    rows: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return len(self.rows), len(self.rows[0])

    @cached_property
    def walls(self) -> list[Cell]:
        """Wall cells (row, column), in reading order."""
        return self._cells("#")

    @cached_property
    def free(self) -> list[Cell]:
        """Free cells (row, column), in reading order."""
        return self._cells("OGRC")

    @cached_property
    def goals(self) -> list[Cell]:
        """Cells marked as goals; empty if the map marks no goal."""
        return self._cells("GC")

    @cached_property
    def starts(self) -> list[Cell]:
        """Cells marked as starts, or every free cell if the map marks no start."""
        return self._cells("RC") or self.free

    def _cells(self, symbols: str) -> list[Cell]:
        return [
            (i, j)
            for i, row in enumerate(self.rows)
            for j, symbol in enumerate(row)
            if symbol in symbols
        ]

    def center(self, cell: Sequence[int]) -> np.ndarray:
        """Return the center (x, y) of a cell (row, column), in meters."""
        rows, columns = self.shape
        return np.array([cell[1] + 0.5 - columns / 2, rows / 2 - cell[0] - 0.5])

    def cell(self, point: Sequence[float] | np.ndarray) -> Cell:
        """Return the cell (row, column) of a point (x, y) in meters; it may be off the map."""
        rows, columns = self.shape
        return int(np.floor(rows / 2 - point[1])), int(np.floor(point[0] + columns / 2))

    def is_free(self, cell: Sequence[int]) -> bool:
        """Return whether a cell (row, column) is on the map and is not a wall."""
        i = int(cell[0])
        j = int(cell[1])
        rows, columns = self.shape
        return 0 <= i < rows and 0 <= j < columns and self.rows[i][j] != "#"


def parse_map(maze_map: MazeMap) -> Maze:
    r"""Validate a map and convert it to a `Maze`.

    Args:
        maze_map: Name ("UMaze", "Medium", "Large"); list of strings; one string with rows
            separated by newlines or D4RL's backslashes; or Gymnasium-Robotics' nested lists of 0,
            1, "g", "r" and "c".

    Raises:
        ValueError: If a name or character is unknown, the map is empty or its rows differ in
            length, a free cell lies on the border, no cell is free, or the free cells are not
            connected. The message names the row.
    """
    if isinstance(maze_map, str):
        if maze_map in MAPS:
            return Maze(MAPS[maze_map])
        if "\\" not in maze_map and "\n" not in maze_map:
            raise ValueError(f"unknown maze {maze_map!r}; valid names: {', '.join(MAPS)}")
        maze_map = maze_map.strip("\n").replace("\\", "\n").split("\n")
    maze = Maze(tuple(_parse_row(i, row) for i, row in enumerate(maze_map)))
    _check_shape(maze)
    _check_border(maze)
    _check_connected(maze)
    return maze


def _parse_row(index: int, row: str | Sequence[int | str]) -> str:
    symbols = [str(cell) if isinstance(row, str) else str(cell).upper() for cell in row]
    for column, symbol in enumerate(symbols):
        if symbol not in _SYMBOLS:
            raise ValueError(
                f"maze map row {index} has unknown cell {symbol!r} at column {column}; "
                f"valid: {_VALID}"
            )
    return "".join(_SYMBOLS[symbol] for symbol in symbols)


def _check_shape(maze: Maze) -> None:
    if not maze.rows or not maze.rows[0]:
        raise ValueError(f"maze map has no cells: row 0 is empty; valid characters: {_VALID}")
    for i, row in enumerate(maze.rows):
        if len(row) != len(maze.rows[0]):
            raise ValueError(
                f"maze map row {i} has {len(row)} cells but row 0 has {len(maze.rows[0])}; "
                f"all rows must have the same length; valid characters: {_VALID}"
            )
    if not maze.free:
        raise ValueError(
            f"maze map has no free cell in rows 0 to {len(maze.rows) - 1}; valid: {_VALID}"
        )


def _check_border(maze: Maze) -> None:
    rows, columns = maze.shape
    for i, j in maze.free:
        if i in (0, rows - 1) or j in (0, columns - 1):
            raise ValueError(
                f"maze map row {i} is open at column {j}: the border must be walls; valid: {_VALID}"
            )


def _check_connected(maze: Maze) -> None:
    first = maze.free[0]
    reachable = {first}
    queue = deque([first])
    while queue:
        i, j = queue.popleft()
        for cell in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if maze.is_free(cell) and cell not in reachable:
                reachable.add(cell)
                queue.append(cell)
    for i, j in maze.free:
        if (i, j) not in reachable:
            raise ValueError(
                f"maze map row {i}, column {j} is free but not connected to row {first[0]}, "
                f"column {first[1]}; open a path or make it a wall; valid: {_VALID}"
            )
