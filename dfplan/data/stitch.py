"""Stitched windows: token sequences that pass from one episode to another where the data meet.

A dataset of short episodes holds no long route, but its episodes cross. The goal's dimensions are
divided into cells. A stretch is one token's length of an episode; it is an edge from the cell where
it begins to the cell where it ends. `StitchGraph.tokens_to_go` counts the edges of the shortest
route from every cell to every other cell, by a breadth-first search.

A window then begins at a row of the data and heads for a random goal. For each token, a few
stretches that begin in the present cell are drawn, and the one whose end is nearest to the goal is
taken. New windows are drawn for every batch, from all of the data.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.types import Array, UserError

MAX_CELLS = 4096
"""Largest number of cells; the table of distances has the square of that many entries."""
CELLS_PER_STRETCH = 8
"""Cells along the distance that the data cover within one token."""
DRAWS = 16
"""Stretches drawn per token, of which the best is taken.

More draws give shorter routes, but of rarer stretches, which a robot may not be able to repeat.
"""
UNREACHABLE = np.iinfo(np.int16).max
"""Number of tokens that stands for "no route"."""
GOAL_DRAWS = 8
"""Goals drawn per window, of which the first that the window can reach is taken."""


class StitchGraph(NamedTuple):
    """The stretches of a dataset by the cells that they lead from and to.

    Attributes:
        cell: `[N]` int32, cell of each row of the dataset.
        rows: `[M]` int32, rows from which a stretch of one token begins, sorted by edge.
        first_row: `[E]` int32, position in `rows` of each edge's first stretch.
        row_count: `[E]` int32, number of each edge's stretches.
        first_edge: `[C]` int32, first edge of each cell; edges are sorted by the cell they leave.
        edge_count: `[C]` int32, number of edges that leave each cell.
        begin_cells: `[B]` int32, cells that an edge leaves.
        tokens_to_go: `[C, C]` int16, tokens from each cell (second axis) to each goal cell (first
            axis); `UNREACHABLE` where no route exists.
    """

    cell: Int[Array, "N"]
    rows: Int[Array, "M"]
    first_row: Int[Array, "E"]
    row_count: Int[Array, "E"]
    first_edge: Int[Array, "C"]
    edge_count: Int[Array, "C"]
    begin_cells: Int[Array, "B"]
    tokens_to_go: Int[Array, "C C"]


def fit_stitch_graph(
    points: Float[np.ndarray, "N G"],
    last: Int[np.ndarray, "N"],
    stride: int,
) -> StitchGraph:
    """Return the graph of a dataset.

    Args:
        points: States in the goal's dimensions.
        last: Last row of each row's episode.
        stride: Control steps per token.

    Raises:
        UserError: If the states never change within a token.
    """
    rows = np.arange(len(points))
    begin = rows[last - rows >= stride]
    cell, cells = _assign_cells(points, _cell_size(points, begin, stride))
    edge = cell[begin] * cells + cell[begin + stride]
    order = np.argsort(edge, kind="stable")
    edges, first_row, row_count = np.unique(edge[order], return_index=True, return_counts=True)
    edge_count = np.bincount(edges // cells, minlength=cells)
    arrays = {
        "cell": cell,
        "rows": begin[order],
        "first_row": first_row,
        "row_count": row_count,
        "first_edge": np.cumsum(edge_count) - edge_count,
        "edge_count": edge_count,
        "begin_cells": np.flatnonzero(edge_count),
    }
    return StitchGraph(
        **{name: jnp.asarray(array, jnp.int32) for name, array in arrays.items()},
        tokens_to_go=jnp.asarray(_search(cell, cells, begin, stride)),
    )


def _cell_size(points: np.ndarray, begin: np.ndarray, stride: int) -> float:
    """Return the edge length of a cell, in the points' units."""
    distance = np.linalg.norm(points[begin + stride] - points[begin], axis=-1)
    size = np.quantile(distance, 0.9) / CELLS_PER_STRETCH
    if size == 0 and distance.any():  # The data mostly rest.
        size = np.quantile(distance[distance > 0], 0.9) / CELLS_PER_STRETCH
    if not size > 0:
        raise UserError("data.stitch needs data that move in the goal's dimensions")
    return float(size)


def _assign_cells(points: np.ndarray, size: float) -> tuple[np.ndarray, int]:
    """Return the cell `[N]` of each point and the number of visited cells, at most `MAX_CELLS`.

    Cells have the edge length `size`, or more if there would be too many.
    """
    while True:
        grid = np.floor((points - points.min(axis=0)) / size).astype(np.int64)
        visited, cell = np.unique(grid, axis=0, return_inverse=True)
        if len(visited) <= MAX_CELLS:
            return cell.reshape(-1), len(visited)
        size *= 1.02 * (len(visited) / MAX_CELLS) ** (1 / points.shape[1])


def _search(cell: np.ndarray, cells: int, begin: np.ndarray, stride: int) -> np.ndarray:
    """Return `StitchGraph.tokens_to_go`, by a breadth-first search from all goals at once.

    The last token of a route may end anywhere along its stretch, the others end where it ends. The
    goals within reach of each cell are stored as bits; one more token adds the goals within reach
    of its successors.
    """
    reach = _pack(cell, cells, begin, range(1, stride + 1))
    from_cell, to_cell = np.divmod(np.unique(cell[begin] * cells + cell[begin + stride]), cells)
    leaves, first_edge = np.unique(from_cell, return_index=True)
    tokens = np.full((cells, cells), UNREACHABLE, np.int16)  # from each cell to each goal
    level = 1
    while True:
        is_new = _unpack(reach, cells) & (tokens == UNREACHABLE)
        if not is_new.any():
            break
        tokens[is_new] = level
        level += 1
        reach[leaves] |= np.bitwise_or.reduceat(reach[to_cell], first_edge, axis=0)
    np.fill_diagonal(tokens, 0)
    return tokens.T


def _pack(cell: np.ndarray, cells: int, begin: np.ndarray, steps: range) -> np.ndarray:
    """Return the cells on the stretches of each cell, as bits: `[C, ceil(C / 64)]` uint64."""
    passes = np.zeros((cells, -(-cells // 64) * 64), bool)
    for step in steps:
        passes[cell[begin], cell[begin + step]] = True
    return np.packbits(passes, axis=1).view(np.uint64)


def _unpack(bits: np.ndarray, cells: int) -> np.ndarray:
    """Return bits of `_pack` as `[C, C]` bool."""
    return np.unpackbits(bits.view(np.uint8), axis=1, count=cells).astype(bool)


class StitchedWindows(NamedTuple):
    """Routes drawn from a graph.

    Attributes:
        rows: `[B, T]` int32, row of the dataset that holds each token's state.
        goal_row: `[B]` int32, row that holds the goal.
        reached: `[B, T]` bool, whether the goal has been reached by each token.
        valid: `[B, T]` bool, false from where a route ends before its goal, as no stretch leads on.
    """

    rows: Int[Array, "B T"]
    goal_row: Int[Array, "B"]
    reached: Bool[Array, "B T"]
    valid: Bool[Array, "B T"]


def draw_windows(
    key: Array, graph: StitchGraph, batch: int, tokens: int, stride: int
) -> StitchedWindows:
    """Draw routes from random rows to random goals; both are uniform over cells.

    Args:
        key: PRNG key.
        graph: Stretches of the data.
        batch: Number of windows, B.
        tokens: Tokens of a window, T.
        stride: Control steps per token.
    """
    k_begin, k_goal, k_route = jax.random.split(key, 3)
    begin = _draw_rows(k_begin, graph, (batch,))
    goal_row = _draw_goals(k_goal, graph, begin, stride)
    goal_cell = graph.cell[goal_row]

    def advance(carry: tuple[Array, Array, Array], key: Array):
        row, reached, valid = carry
        reached |= graph.tokens_to_go[goal_cell, graph.cell[row]] <= 1
        valid &= reached | (graph.edge_count[graph.cell[row]] > 0)
        ends = _draw_stretches(key, graph, graph.cell[row]) + stride
        to_go = graph.tokens_to_go[goal_cell[:, None], graph.cell[ends]]
        best = jnp.argmin(to_go, axis=1)
        row = jnp.take_along_axis(ends, best[:, None], axis=1)[:, 0]
        return (row, reached, valid), (row, reached, valid)

    start = (begin, begin == goal_row, jnp.ones(batch, bool))
    _, later = jax.lax.scan(advance, start, jax.random.split(k_route, tokens - 1))
    rows, reached, valid = (
        jnp.concatenate([first[:, None], rest.T], axis=1)
        for first, rest in zip(start, later, strict=True)
    )
    return StitchedWindows(rows=rows, goal_row=goal_row, reached=reached, valid=valid)


def _draw_rows(key: Array, graph: StitchGraph, shape: tuple[int, ...]) -> Int[Array, "..."]:
    """Draw rows that begin a stretch, uniformly over their cells."""
    k_cell, k_row = jax.random.split(key)
    number = jax.random.randint(k_cell, shape, 0, graph.begin_cells.shape[0], dtype=jnp.int32)
    cells = graph.begin_cells[number].reshape(-1)
    return _draw_stretches(k_row, graph, cells, draws=1).reshape(shape)


def _draw_goals(
    key: Array, graph: StitchGraph, begin: Int[Array, "B"], stride: int
) -> Int[Array, "B"]:
    """Draw goal rows that can be reached; one stretch after `begin` where no draw can be."""
    goals = _draw_rows(key, graph, (*begin.shape, GOAL_DRAWS))
    to_go = graph.tokens_to_go[graph.cell[goals], graph.cell[begin][:, None]]
    first = jnp.argmax(to_go < UNREACHABLE, axis=1)[:, None]
    goal, to_go = (jnp.take_along_axis(array, first, axis=1)[:, 0] for array in (goals, to_go))
    return jnp.where(to_go < UNREACHABLE, goal, begin + stride)


def _draw_stretches(
    key: Array, graph: StitchGraph, cell: Int[Array, "B"], draws: int = DRAWS
) -> Int[Array, "B K"]:
    """Draw the first rows of stretches that leave each cell, uniformly over the cell's edges.

    Drawn uniformly over rows, hardly any stretch would leave a cell where robots often rest.
    """
    k_edge, k_row = jax.random.split(key)
    shape = (len(cell), draws)
    edge_count = jnp.maximum(graph.edge_count[cell], 1)[:, None]
    edge = graph.first_edge[cell][:, None] + jax.random.randint(
        k_edge, shape, 0, edge_count, dtype=jnp.int32
    )
    row = jax.random.randint(k_row, shape, 0, graph.row_count[edge], dtype=jnp.int32)
    return graph.rows[graph.first_row[edge] + row]
