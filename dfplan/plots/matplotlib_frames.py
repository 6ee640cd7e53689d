"""Frames drawn with matplotlib, in the two state dimensions that a figure shows."""

from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.plots.scene import agent_plot_dims, axis_names, draw_function, plot_points
from dfplan.plots.style import CANDIDATE, DRIVEN, INK, PLAN, name_axes

DPI = 100
SPREAD = 2.5
"""Half-width of the axes in standard deviations of the data, if the environment does not draw."""


class MatplotlibRenderer:
    """Draws an environment from above, with the robot, its path, the plan and its candidates.

    Everything that does not move is drawn once and kept as pixels.

    Args:
        agent: Agent that holds the plan.
        env: Environment, after its reset. If it cannot draw itself
            (`dfplan.plots.scene.draw_function`), the axes show the range of the data.
        size: Longest side in pixels.
        caption: Text in the lower left corner.
    """

    def __init__(self, agent: Agent, env: Any, size: int = 480, caption: str = ""):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._agent = agent
        self._stride = agent.planner.model.layout.stride
        self._dims = agent_plot_dims(agent)
        self._driven: list[np.ndarray] = []
        figure = Figure(dpi=DPI, facecolor="white")
        self._canvas = FigureCanvasAgg(figure)
        draw = draw_function(env)
        if draw:
            self._ax = figure.add_axes((0, 0, 1, 1))
            draw(self._ax)
            self._ax.set_aspect("equal", adjustable="box")
            self._ax.set_axis_off()
        else:
            self._ax = figure.add_axes((0.14, 0.12, 0.83, 0.85))
            self._show_data_range()
        self._set_size(figure, size, bool(draw))
        if caption:
            figure.text(0.012, 0.012, caption, fontsize=6, color=INK)
        self._add_moving_artists()
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(figure.bbox)

    def __call__(self, state: np.ndarray) -> np.ndarray:
        """Return the current frame, uint8 `[H, W, 3]`."""
        plan = self._agent.plan
        assert plan is not None
        candidates = plot_points(plan.candidates[0], self._dims, self._stride)
        self._driven.append(plot_points(state[None], self._dims)[0])
        # A single dimension is drawn over control steps from the present, which has no path.
        driven = np.array(self._driven if len(self._dims) == 2 else self._driven[-1:])
        self._candidates.set_segments(list(candidates))
        self._plan.set_data(*candidates[int(plan.best[0])].T)
        self._path.set_data(*driven.T)
        self._robot.set_data(*driven[-1:].T)
        self._canvas.restore_region(self._background)
        for artist in (self._candidates, self._plan, self._path, self._robot):
            self._ax.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    def _show_data_range(self) -> None:
        normalizer = self._agent.weights.states
        ends = [np.asarray(normalizer.mean + sign * normalizer.std) for sign in (-SPREAD, SPREAD)]
        low, high = (
            plot_points(self._agent.layout.to_global(end)[None], self._dims)[0] for end in ends
        )
        if len(self._dims) == 1:
            low[0] = 0
            high[0] = self._agent.planner.horizon * self._stride
        self._ax.set_xlim(low[0], high[0])
        self._ax.set_ylim(low[1], high[1])
        name_axes(self._ax, axis_names(self._dims), "")

    def _set_size(self, figure: Any, size: int, to_scale: bool) -> None:
        left, right = self._ax.get_xlim()
        low, high = self._ax.get_ylim()
        width, height = (right - left, high - low) if to_scale else (1, 1)
        pixels = size / max(width, height) / DPI
        figure.set_size_inches(pixels * width, pixels * height)

    def _add_moving_artists(self) -> None:
        from matplotlib.collections import LineCollection

        self._candidates = LineCollection([], colors=CANDIDATE, alpha=0.6)
        self._ax.add_collection(self._candidates, autolim=False)
        (self._plan,) = self._ax.plot([], [], color=PLAN, linewidth=2)
        (self._path,) = self._ax.plot([], [], color=DRIVEN, linewidth=1.6)
        (self._robot,) = self._ax.plot([], [], "o", color=DRIVEN, markeredgecolor=INK, markersize=7)
        for artist in (self._candidates, self._plan, self._path, self._robot):
            artist.set_animated(True)
