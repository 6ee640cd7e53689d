"""Draws the figures of the concept pages: python docs/generate/pictures.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import layers
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from dfplan.diffusion.active_windows import windows
from dfplan.diffusion.matrix import autoregressive, full_sequence, pyramid, trapezoid
from dfplan.diffusion.noise_levels import NoiseLevelSampler, TwoStreamNoiseLevelSampler
from dfplan.plots.style import INK, level_colors

CONCEPTS = Path(__file__).parents[1] / "concepts"
TOKENS = 10
STEPS = 5
SEQUENCES = 12
LENGTH = 16
DPI = 90
BOX = "#dbe7f3"
OUTSIDE = "#f3e3d3"


def draw_matrices(path: Path) -> None:
    """Draw the scheduling matrices; a line surrounds the tokens that each step evaluates."""
    panels = {
        "full_sequence": full_sequence(TOKENS, STEPS),
        "pyramid, slope 1": pyramid(TOKENS, STEPS),
        "trapezoid, slope 1": trapezoid(TOKENS, STEPS),
        "pyramid, slope 2": pyramid(TOKENS, STEPS, 2),
        "autoregressive": autoregressive(TOKENS, STEPS),
    }
    figure, axes = _panels(len(panels), height=4.2)
    for ax, (name, matrix) in zip(axes, panels.items(), strict=True):
        title = f"{name}\n{len(matrix) - 1} steps"
        image = _levels(ax, matrix / STEPS, title=title, aspect="auto")
        _outline(ax, matrix)
        ax.set_ylim(50.5, -0.5)  # the longest matrix's rows, so that steps are equally high
    axes[0].set_ylabel("denoising step", color=INK)
    _save_with_color_bar(figure, image, path)


def draw_levels(path: Path) -> None:
    """Draw noise levels that training samples, one sequence per row; token 0 is the goal."""
    key = jax.random.key(0)
    panels = {
        name: NoiseLevelSampler(name).sample(key, SEQUENCES, LENGTH, has_goal=True)
        for name in ("independent", "shared", "teacher_forcing")
    }
    two_stream = TwoStreamNoiseLevelSampler()
    history = two_stream.sample_history(key, SEQUENCES, LENGTH, has_goal=True)
    panels["two-stream: history"] = history
    panels["two-stream: targets"] = two_stream.sample_targets(key, SEQUENCES, LENGTH)
    figure, axes = _panels(len(panels), height=2.6)
    for ax, (name, level) in zip(axes, panels.items(), strict=True):
        image = _levels(ax, np.asarray(level), title=name, aspect="equal")
    axes[0].set_ylabel("sequence", color=INK)
    _save_with_color_bar(figure, image, path)


def draw_layers(path: Path) -> None:
    """Draw the layers of dfplan as rows of boxes, and how dfplan-envs is reached."""
    rows = layers.layers()
    height = len(rows)
    figure, (ax,) = _panels(1, height=0.42 * height)
    ax.set(xlim=(-0.35, 10.7), ylim=(-0.1, height))
    ax.axis("off")
    for row, names in enumerate(rows):
        width = 7.0 / len(names)
        for column, name in enumerate(names):
            corner = (column * width, height - 1 - row)
            _box(ax, corner, (width - 0.1, 0.8), label=name, color=BOX)
    _arrow(ax, (-0.2, height - 0.2), (-0.2, 0.0))
    ax.text(-0.3, height / 2, "imports", rotation=90, ha="right", va="center", color=INK, size=9)
    middle = height - 1 - next(i for i, names in enumerate(rows) if "tasks" in names)
    outside = "dfplan_envs\nMuJoCo tasks, data,\ntrackers, pretrained planners"
    _box(ax, (8.3, middle - 0.6), (2.35, 2.0), label=outside, color=OUTSIDE)
    _arrow(ax, (6.9, middle + 0.4), (8.25, middle + 0.4))
    label = "ids of Gymnasium\nand Minari"
    ax.text(7.58, middle + 0.5, label, ha="center", va="bottom", color=INK, size=8)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


PICTURES: dict[str, Callable[[Path], None]] = {
    "matrices.png": draw_matrices,
    "levels.png": draw_levels,
    "layers.png": draw_layers,
}


def _panels(count: int, height: float) -> tuple[Figure, list[Any]]:
    figure = Figure((10.5, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(figure.subplots(1, count)))


def _levels(ax: Any, level: np.ndarray, title: str, aspect: str) -> Any:
    ax.set_title(title, fontsize=9, color=INK)
    ax.set_xlabel("token", color=INK)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax.imshow(level, cmap=level_colors(), vmin=0, vmax=1, aspect=aspect)


def _outline(ax: Any, matrix: np.ndarray) -> None:
    """Outline the tokens that step m evaluates between row m and row m + 1."""
    active = windows(matrix)
    row = np.repeat(np.arange(len(active.start) + 1), 2)[1:-1] + 0.5
    left = np.repeat(active.start, 2) - 0.5
    right = left + active.width
    x = np.concatenate([left, right[::-1], left[:1]])
    y = np.concatenate([row, row[::-1], row[:1]])
    ax.plot(x, y, color=INK, linewidth=1.2)


def _box(
    ax: Any, corner: tuple[float, float], size: tuple[float, float], label: str, color: str
) -> None:
    style = "round,pad=0,rounding_size=0.1"
    ax.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, facecolor=color, edgecolor=INK))
    x = corner[0] + size[0] / 2
    y = corner[1] + size[1] / 2
    ax.text(x, y, label, ha="center", va="center", color=INK, size=9)


def _arrow(ax: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "color": INK})


def _save_with_color_bar(figure: Figure, image: Any, path: Path) -> None:
    bar = figure.colorbar(image, ax=figure.axes, ticks=[0, 1], shrink=0.6)
    bar.ax.set_yticklabels(["clean", "noise"])
    bar.outline.set_visible(False)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        draw(CONCEPTS / name)
