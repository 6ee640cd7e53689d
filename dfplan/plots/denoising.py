"""Denoising: one plan taking shape, and the noise level that each of its tokens has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.plots.gif import write_gif
from dfplan.plots.style import CANDIDATE, INK, PLAN, dot_size, level_colors, mark_ends, name_axes
from dfplan.types import ArrayLike

MOST_FRAMES = 60
MOST_OTHERS = 7  # more of the other candidates would hide the chosen one
PLAY_MS = 6000
SHORTEST_MS, LONGEST_MS = 80, 400
HOLD_MS = 2000
WIDTH, HEIGHT, DPI = 11.0, 5.5, 80  # inches, inches, pixels per inch


def animate_denoising(
    path: Path | str,
    trace: ArrayLike,
    levels: ArrayLike,
    best: int,
    draw: Callable[[Any], None] | None = None,
    goal: ArrayLike | None = None,
    *,
    unit: str = "",
    names: tuple[str, str] = ("x", "y"),
) -> None:
    """Write an animated GIF of one plan being denoised, of at most 60 frames.

    On the left the tokens of the candidates (8 at most), coloured by noise level; on the right the
    level of each token now (above) and in every row of the scheduling matrix (below).

    Args:
        path: of the GIF; its folder is made.
        trace: `[M+1, N, P+1, 2]` candidates before the first and after each step, the present
            first, in the coordinates of the picture (`scene.points` makes them of states).
        levels: `[M+1, P]` noise level in [0, 1] of each future token.
        best: index of the chosen candidate.
        draw: `draw(ax)` draws the environment and sets the limits; None fits the data.
        goal: `[2]` or None.
        unit: of both axes on the left, such as "m". names: of these axes.

    Raises:
        ValueError: when `trace` and `levels` do not fit together.
    """
    picture = DenoisingPicture(
        np.asarray(trace), np.asarray(levels), best, draw, goal, unit=unit, names=names
    )
    rows = _rows(len(picture.levels))
    frames = [picture.image(row) for row in rows]
    each = int(np.clip(PLAY_MS / len(rows), SHORTEST_MS, LONGEST_MS))
    write_gif(path, frames, [each] * (len(rows) - 1) + [HOLD_MS])


def _rows(count: int) -> list[int]:
    """At most `MOST_FRAMES` of `count` rows, evenly, the first and the last among them."""
    return np.linspace(0, count - 1, min(count, MOST_FRAMES)).round().astype(int).tolist()


class DenoisingPicture:
    """A picture of which one row of the sampling is shown at a time.

    What never changes is drawn once and kept as pixels; a row only adds its own marks to a copy.

    Args:
        trace, levels, best, draw, goal, unit, names: as `animate_denoising`.

    Attributes:
        figure: matplotlib Figure. scene, bars, matrix: its Axes.
        chosen, others: tokens of the chosen and of the other candidates, coloured by level.
        line, other_lines: between those of their tokens that are clean.
        columns, cursor, caption: levels of the row, its place in the matrix, its number.

    Raises:
        ValueError: when `trace` and `levels` do not fit together.
    """

    def __init__(
        self,
        trace: np.ndarray,
        levels: np.ndarray,
        best: int,
        draw: Callable[[Any], None] | None = None,
        goal: ArrayLike | None = None,
        *,
        unit: str = "",
        names: tuple[str, str] = ("x", "y"),
    ):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        rows, count, tokens = trace.shape[:3]
        if levels.shape != (rows, tokens - 1):
            raise ValueError(
                f"levels have shape {levels.shape}; the trace needs {(rows, tokens - 1)}"
            )
        self.trace, self.levels, self.best = trace, levels, best
        self._others = [i for i in range(count) if i != best][:MOST_OTHERS]
        self.figure = Figure((WIDTH, HEIGHT), DPI, layout="constrained", facecolor="white")
        self._canvas = FigureCanvasAgg(self.figure)
        self._make_axes()
        self._draw_scene(draw, None if goal is None else np.asarray(goal), names, unit)
        self._draw_matrix()
        self._add_moving()
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(self.figure.bbox)

    def image(self, row: int) -> np.ndarray:
        """Pixels, uint8 `[H, W, 3]`, of one row of the sampling."""
        self.show(row)
        self._canvas.restore_region(self._background)
        for ax, artist in self._moving:
            ax.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    def show(self, row: int) -> None:
        """Set the moving parts to a row."""
        now, levels = self.trace[row], self.levels[row]
        self.chosen.set_offsets(now[self.best, 1:])
        self.chosen.set_array(levels)
        self.others.set_offsets(now[self._others, 1:].reshape(-1, 2))
        self.others.set_array(np.tile(levels, len(self._others)))
        clean = np.concatenate([[True], levels <= 0])
        self.line.set_data(*_joined(now[self.best], clean).T)
        self.other_lines.set_segments([_joined(now[i], clean) for i in self._others])
        self.columns.set_verts(list(_columns(levels)))
        self.columns.set_array(levels)
        self.cursor.set_data([0.5, len(levels) + 0.5], [row, row])
        self.caption.set_text(f"step {row} of {len(self.levels) - 1}")

    def _make_axes(self) -> None:
        grid = self.figure.add_gridspec(2, 2, width_ratios=(1.35, 1), height_ratios=(1, 1.9))
        self.scene = self.figure.add_subplot(grid[:, 0])
        self.bars = self.figure.add_subplot(grid[0, 1])
        self.matrix = self.figure.add_subplot(grid[1, 1], sharex=self.bars)

    def _draw_scene(
        self, draw: Callable[[Any], None] | None, goal: np.ndarray | None, names, unit: str
    ) -> None:
        if draw is not None:
            draw(self.scene)
        else:
            self._fit(goal)
            if unit:
                self.scene.set_aspect("equal", adjustable="box")
        self._marks = mark_ends(self.scene, self.trace[0, self.best, 0], goal)
        name_axes(self.scene, names, unit)

    def _fit(self, goal: np.ndarray | None) -> None:
        """Limits around the plans, the goal and all but the farthest of the noise."""
        drawn = np.concatenate(
            [
                self.trace[-1].reshape(-1, 2),
                np.quantile(self.trace.reshape(-1, 2), [0.02, 0.98], axis=0),
                np.empty((0, 2)) if goal is None else goal[None],
            ]
        )
        low, high = drawn.min(axis=0), drawn.max(axis=0)
        margin = np.where(high > low, 0.06 * (high - low), 0.5)
        self.scene.set_xlim(low[0] - margin[0], high[0] + margin[0])
        self.scene.set_ylim(low[1] - margin[1], high[1] + margin[1])

    def _draw_matrix(self) -> None:
        from matplotlib.ticker import MaxNLocator

        rows, tokens = self.levels.shape
        image = self.matrix.imshow(
            self.levels,
            cmap=level_colors(),
            vmin=0,
            vmax=1,
            aspect="auto",
            interpolation="nearest",
            extent=(0.5, tokens + 0.5, rows - 0.5, -0.5),
        )
        bar = self.figure.colorbar(image, ax=[self.bars, self.matrix], pad=0.03, aspect=30)
        bar.set_label("noise level (0 clean, 1 pure noise)", fontsize=9, color=INK)
        bar.ax.tick_params(labelsize=8)
        name_axes(self.matrix, ("token", "sampling step"), "")
        name_axes(self.bars, ("", "level"), "")
        self.bars.set_yticks([0, 0.5, 1])
        self.matrix.xaxis.set_major_locator(MaxNLocator(integer=True))
        self.matrix.yaxis.set_major_locator(MaxNLocator(integer=True))
        self.bars.set_ylim(0, 1.05)
        self.bars.tick_params(labelbottom=False)
        self.bars.set_title("noise level per token", fontsize=10, color=INK)
        self.matrix.set_title("scheduling matrix", fontsize=10, color=INK)

    def _add_moving(self) -> None:
        from matplotlib.collections import LineCollection, PolyCollection
        from matplotlib.lines import Line2D

        size = dot_size(self.levels.shape[1])
        colored = {"cmap": level_colors(), "vmin": 0, "vmax": 1}
        self.other_lines = LineCollection([], colors=CANDIDATE, linewidths=1.2, alpha=0.8)
        self.scene.add_collection(self.other_lines, autolim=False)
        self.others = self.scene.scatter(
            [], [], c=[], s=18 * size, alpha=0.6, linewidths=0.5, edgecolors=INK, **colored
        )
        self.line = Line2D([], [], color=PLAN, linewidth=2.4)
        self.scene.add_line(self.line)
        self.chosen = self.scene.scatter(
            [], [], c=[], s=50 * size, linewidths=1.1, edgecolors=INK, **colored
        )
        self.columns = PolyCollection([], cmap=level_colors(), edgecolors=INK, linewidths=0.6)
        self.columns.set_clim(0, 1)
        self.bars.add_collection(self.columns, autolim=False)
        self.cursor = Line2D(
            [], [], color=INK, linewidth=1.6, marker=">", markersize=7, markevery=[0]
        )
        self.cursor.set_clip_on(False)
        self.matrix.add_line(self.cursor)
        self.caption = self.scene.set_title(" ", fontsize=11, color=INK)
        moving = (self.other_lines, self.others, self.line, self.chosen)
        self._moving = [(self.scene, a) for a in (*moving, *self._marks, self.caption)]
        self._moving += [(self.bars, self.columns), (self.matrix, self.cursor)]
        for _, artist in self._moving:
            artist.set_animated(True)
            artist.set_in_layout(artist is self.caption)


def _joined(points: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Points `[P+1, 2]` with NaN, which breaks the line, where a token is still noisy."""
    return np.where(clean[:, None], points, np.nan)


def _columns(levels: np.ndarray) -> np.ndarray:
    """Corners `[P, 4, 2]` of a bar for each token, counted from 1."""
    left = np.arange(len(levels)) + 0.6
    x = np.stack([left, left, left + 0.8, left + 0.8], axis=-1)
    y = np.stack([0 * levels, levels, levels, 0 * levels], axis=-1)
    return np.stack([x, y], axis=-1)
