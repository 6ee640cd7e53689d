"""Maze maps: D4RL's three, and the parser for a user's own.

Cells are 1 m squares; row 0 is the top row, and the origin lies at the centre of the map, as in
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

_CELLS = {"#": "#", "1": "#", " ": "O", "O": "O", "0": "O", "G": "G", "R": "R", "C": "C"}
_VALID = "'#' or '1' wall; ' ', 'O' or '0' free; 'G' goal; 'R' start; 'C' goal and start"

MazeMap = str | Sequence[str] | Sequence[Sequence[int | str]]
Cell = tuple[int, int]


@dataclass(frozen=True)
class Maze:
    """A checked map. Build it with `parse_map`.

    Attributes:
        rows: one string per row, of '#' (wall), 'O' (free), 'G' (goal), 'R' (start) and 'C' (both).
    """

    rows: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.rows), len(self.rows[0])

    @cached_property
    def walls(self) -> list[Cell]:
        """Wall cells, (row, column), in reading order."""
        return self._cells("#")

    @cached_property
    def free(self) -> list[Cell]:
        """Cells without a wall, in reading order."""
        return self._cells("OGRC")

    @cached_property
    def goals(self) -> list[Cell]:
        """Cells marked as goals; empty where the map marks none."""
        return self._cells("GC")

    @cached_property
    def starts(self) -> list[Cell]:
        """Cells marked as starts, or every free cell where the map marks none."""
        return self._cells("RC") or self.free

    def _cells(self, kinds: str) -> list[Cell]:
        return [(i, j) for i, row in enumerate(self.rows) for j, c in enumerate(row) if c in kinds]

    def center(self, cell: Sequence[int]) -> np.ndarray:
        """Centre of a cell (row, column), as (x, y) in metres."""
        rows, columns = self.shape
        return np.array([cell[1] + 0.5 - columns / 2, rows / 2 - cell[0] - 0.5])

    def cell(self, point: Sequence[float] | np.ndarray) -> Cell:
        """Cell (row, column) that holds a point (x, y) in metres; may lie off the map."""
        rows, columns = self.shape
        return int(np.floor(rows / 2 - point[1])), int(np.floor(point[0] + columns / 2))

    def is_free(self, cell: Sequence[int]) -> bool:
        """Whether a cell (row, column) is on the map and has no wall."""
        i, j = int(cell[0]), int(cell[1])
        rows, columns = self.shape
        return 0 <= i < rows and 0 <= j < columns and self.rows[i][j] != "#"


def parse_map(maze_map: MazeMap) -> Maze:
    r"""Check a map and bring it into one form.

    Args:
        maze_map: a name ("UMaze", "Medium", "Large"); a list of strings; one string with rows
            parted by newlines or D4RL's backslashes; or Gymnasium-Robotics' nested lists of 0, 1,
            "g", "r" and "c".

    Raises:
        ValueError: naming the row, for an unknown character, a ragged or empty map, a free cell on
            the border, no free cell, or a free cell that no path joins to the others.
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
    cells = [str(c) if isinstance(row, str) else str(c).upper() for c in row]
    for column, c in enumerate(cells):
        if c not in _CELLS:
            raise ValueError(
                f"maze map row {index} has unknown cell {c!r} at column {column}; valid: {_VALID}"
            )
    return "".join(_CELLS[c] for c in cells)


def _check_shape(maze: Maze) -> None:
    if not maze.rows or not maze.rows[0]:
        raise ValueError(f"maze map has no cells: row 0 is empty; valid characters: {_VALID}")
    for i, row in enumerate(maze.rows):
        if len(row) != len(maze.rows[0]):
            raise ValueError(
                f"maze map row {i} has {len(row)} cells but row 0 has {len(maze.rows[0])}; "
                f"every row needs the same number of valid characters ({_VALID})"
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
                f"maze map row {i} is open at column {j}: the border must be wall; valid: {_VALID}"
            )


def _check_connected(maze: Maze) -> None:
    seen, queue = {maze.free[0]}, deque([maze.free[0]])
    while queue:
        i, j = queue.popleft()
        for cell in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if maze.is_free(cell) and cell not in seen:
                seen.add(cell)
                queue.append(cell)
    for i, j in maze.free:
        if (i, j) not in seen:
            raise ValueError(
                f"maze map row {i}, column {j} is free but walled off from row "
                f"{maze.free[0][0]}, column {maze.free[0][1]}; close it with a wall; "
                f"valid: {_VALID}"
            )
