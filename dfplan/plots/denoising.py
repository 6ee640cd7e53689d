"""Animation of a plan being denoised, with the noise level of each of its tokens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.plots.style import CANDIDATE, INK, PLAN, dot_size, level_colors, mark_ends, name_axes
from dfplan.plots.write_gif import write_gif
from dfplan.types import ArrayLike

MAX_FRAMES = 60
MAX_OTHERS = 7
"""More candidates than this would hide the chosen one."""
PLAY_MS = 6000
MIN_FRAME_MS = 80
MAX_FRAME_MS = 400
HOLD_MS = 2000
WIDTH = 11.0
"""Width of the figure, in inches."""
HEIGHT = 5.5
"""Height of the figure, in inches."""
DPI = 80


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
    """Write an animated GIF of one plan being denoised, with at most 60 frames.

    The left side shows the tokens of the candidates (at most 8), colored by noise level. The right
    side shows the current noise level of each token (top) and the scheduling matrix (bottom).

    Args:
        path: Output file; its directory is created.
        trace: Candidates before the first and after each denoising step, `[M+1, N, P+1, 2]`, each
            starting at the present, in the coordinates of the figure (see `scene.plot_points`).
        levels: Noise level in [0, 1] of each future token, `[M+1, P]`.
        best: Index of the chosen candidate.
        draw: Function `draw(ax)` that draws the environment and sets the limits of the axes; None
            fits them to the data.
        goal: Goal `[2]`, NaN where it fixes no coordinate, or None.
        unit: Unit of both axes on the left side, such as "m".
        names: Names of these axes.

    Raises:
        ValueError: If `trace` and `levels` differ in steps or tokens.
    """
    animation = DenoisingAnimation(
        np.asarray(trace), np.asarray(levels), best, draw=draw, goal=goal, unit=unit, names=names
    )
    rows = _shown_rows(len(animation.levels))
    frames = [animation.frame(row) for row in rows]
    frame_ms = int(np.clip(PLAY_MS / len(rows), MIN_FRAME_MS, MAX_FRAME_MS))
    write_gif(path, frames, [frame_ms] * (len(rows) - 1) + [HOLD_MS])


def _shown_rows(count: int) -> list[int]:
    """Return at most 60 of `count` rows, evenly spaced, including the first and the last."""
    return np.linspace(0, count - 1, min(count, MAX_FRAMES)).round().astype(int).tolist()


class DenoisingAnimation:
    """A figure that shows one row of the scheduling matrix at a time.

    Everything that never changes is drawn once and kept as pixels; each row is drawn onto a copy.
    The arguments are those of `animate_denoising`, without the path.

    Attributes:
        figure: Matplotlib Figure.
        scene: Axes of the candidates.
        bars: Axes of the current noise levels.
        matrix: Axes of the scheduling matrix.
        chosen: Tokens of the chosen candidate, colored by noise level.
        others: Tokens of the other candidates, colored by noise level.
        line: Line through the clean tokens of the chosen candidate.
        other_lines: Lines through the clean tokens of the other candidates.
        columns: Bars of the current noise levels.
        cursor: Marker of the current row of the scheduling matrix.
        caption: Number of the current row.

    Raises:
        ValueError: If `trace` and `levels` differ in steps or tokens.
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
        self.trace = trace
        self.levels = levels
        self.best = best
        self._others = [i for i in range(count) if i != best][:MAX_OTHERS]
        self.figure = Figure((WIDTH, HEIGHT), DPI, layout="constrained", facecolor="white")
        self._canvas = FigureCanvasAgg(self.figure)
        self._make_axes()
        self._draw_scene(draw, None if goal is None else np.asarray(goal), names, unit=unit)
        self._draw_matrix()
        self._add_moving_artists()
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(self.figure.bbox)

    def frame(self, row: int) -> np.ndarray:
        """Return the frame of one row of the scheduling matrix, uint8 `[H, W, 3]`."""
        self.show(row)
        self._canvas.restore_region(self._background)
        for ax, artist in self._moving:
            ax.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    def show(self, row: int) -> None:
        """Set the moving artists to a row of the scheduling matrix."""
        plans = self.trace[row]
        levels = self.levels[row]
        self.chosen.set_offsets(plans[self.best, 1:])
        self.chosen.set_array(levels)
        self.others.set_offsets(plans[self._others, 1:].reshape(-1, 2))
        self.others.set_array(np.tile(levels, len(self._others)))
        clean = np.concatenate([[True], levels <= 0])
        self.line.set_data(*_break_at_noise(plans[self.best], clean).T)
        self.other_lines.set_segments([_break_at_noise(plans[i], clean) for i in self._others])
        self.columns.set_verts(list(_bar_corners(levels)))
        self.columns.set_array(levels)
        self.cursor.set_data([0.5, len(levels) + 0.5], [row, row])
        self.caption.set_text(f"denoising step {row} of {len(self.levels) - 1}")

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
            self._fit_limits(goal)
            if unit:
                self.scene.set_aspect("equal", adjustable="box")
        self._end_markers = mark_ends(self.scene, self.trace[0, self.best, 0], goal)
        name_axes(self.scene, names, unit)

    def _fit_limits(self, goal: np.ndarray | None) -> None:
        """Fit the limits to the final plans, the goal and all but the farthest noisy tokens."""
        points = np.concatenate(
            [
                self.trace[-1].reshape(-1, 2),
                np.quantile(self.trace.reshape(-1, 2), [0.02, 0.98], axis=0),
                np.empty((0, 2)) if goal is None else goal[None],
            ]
        )
        low = np.nanmin(points, axis=0)
        high = np.nanmax(points, axis=0)
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
        name_axes(self.matrix, ("token", "denoising step"), "")
        name_axes(self.bars, ("", "noise level"), "")
        self.bars.set_yticks([0, 0.5, 1])
        self.matrix.xaxis.set_major_locator(MaxNLocator(integer=True))
        self.matrix.yaxis.set_major_locator(MaxNLocator(integer=True))
        self.bars.set_ylim(0, 1.05)
        self.bars.tick_params(labelbottom=False)
        self.bars.set_title("noise level per token", fontsize=10, color=INK)
        self.matrix.set_title("scheduling matrix", fontsize=10, color=INK)

    def _add_moving_artists(self) -> None:
        from matplotlib.collections import LineCollection, PolyCollection
        from matplotlib.lines import Line2D

        size = dot_size(self.levels.shape[1])
        self.other_lines = LineCollection([], colors=CANDIDATE, linewidths=1.2, alpha=0.8)
        self.scene.add_collection(self.other_lines, autolim=False)
        self.others = self._add_dots(s=18 * size, alpha=0.6, linewidths=0.5)
        self.line = Line2D([], [], color=PLAN, linewidth=2.4)
        self.scene.add_line(self.line)
        self.chosen = self._add_dots(s=50 * size, linewidths=1.1)
        self.columns = PolyCollection([], cmap=level_colors(), edgecolors=INK, linewidths=0.6)
        self.columns.set_clim(0, 1)
        self.bars.add_collection(self.columns, autolim=False)
        self.cursor = Line2D(
            [], [], color=INK, linewidth=1.6, marker=">", markersize=7, markevery=[0]
        )
        self.cursor.set_clip_on(False)
        self.matrix.add_line(self.cursor)
        self.caption = self.scene.set_title(" ", fontsize=11, color=INK)
        plans = [self.other_lines, self.others, self.line, self.chosen]
        self._moving = [(self.scene, a) for a in [*plans, *self._end_markers, self.caption]]
        self._moving += [(self.bars, self.columns), (self.matrix, self.cursor)]
        for _, artist in self._moving:
            artist.set_animated(True)
            artist.set_in_layout(artist is self.caption)

    def _add_dots(self, **style: Any):
        """Add dots, without any points yet, that are colored by noise level."""
        return self.scene.scatter(
            [], [], c=[], cmap=level_colors(), vmin=0, vmax=1, edgecolors=INK, **style
        )


def _break_at_noise(points: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Return points `[P+1, 2]` with NaN, which breaks the line, at tokens that are still noisy."""
    return np.where(clean[:, None], points, np.nan)


def _bar_corners(levels: np.ndarray) -> np.ndarray:
    """Return the corners `[P, 4, 2]` of one bar per token; the first is centered at 1."""
    left = np.arange(len(levels)) + 0.6
    x = np.stack([left, left, left + 0.8, left + 0.8], axis=-1)
    y = np.stack([0 * levels, levels, levels, 0 * levels], axis=-1)
    return np.stack([x, y], axis=-1)
