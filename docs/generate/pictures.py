"""The concepts' pictures, from the library's own functions: python docs/generate/pictures.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dfplan.diffusion.active_windows import windows
from dfplan.diffusion.matrix import autoregressive, full_sequence, pyramid, trapezoid
from dfplan.diffusion.noise_levels import NoiseLevelSampler, TwoStreamNoiseLevelSampler
from dfplan.plots.style import INK, level_colors

CONCEPTS = Path(__file__).parents[1] / "concepts"
TOKENS, STEPS = 10, 5
SEQUENCES, LENGTH = 12, 16
DPI = 90


def draw_matrices(path: Path) -> None:
    """The scheduling matrices; a line surrounds the tokens that each step computes."""
    panels = {
        "full_sequence": full_sequence(TOKENS, STEPS),
        "pyramid, slope 1": pyramid(TOKENS, STEPS),
        "trapezoid, slope 1": trapezoid(TOKENS, STEPS),
        "pyramid, slope 2": pyramid(TOKENS, STEPS, 2),
        "autoregressive": autoregressive(TOKENS, STEPS),
    }
    figure, axes = _panels(len(panels), height=4.2)
    for ax, (name, matrix) in zip(axes, panels.items(), strict=True):
        image = _levels(ax, matrix / STEPS, f"{name}\n{len(matrix) - 1} steps", "auto")
        _outline(ax, matrix)
        ax.set_ylim(50.5, -0.5)  # the longest one's rows, so that a step is as high everywhere
    axes[0].set_ylabel("sampling step", color=INK)
    _save(figure, image, path)


def draw_levels(path: Path) -> None:
    """Noise levels that training draws, a sequence per row; the goal is the first token."""
    key = jax.random.key(0)
    two, shape = TwoStreamNoiseLevelSampler(), (SEQUENCES, LENGTH)
    panels = {
        "independent": NoiseLevelSampler("independent").sample(key, *shape, has_goal=True),
        "shared": NoiseLevelSampler("shared").sample(key, *shape, has_goal=True),
        "teacher_forcing": NoiseLevelSampler("teacher_forcing").sample(key, *shape, has_goal=True),
        "two streams: history": two.sample_history(key, *shape, has_goal=True),
        "two streams: targets": two.sample_targets(key, *shape),
    }
    figure, axes = _panels(len(panels), height=2.6)
    for ax, (name, level) in zip(axes, panels.items(), strict=True):
        image = _levels(ax, np.asarray(level), name, "equal")
    axes[0].set_ylabel("sequence", color=INK)
    _save(figure, image, path)


PICTURES: dict[str, Callable[[Path], None]] = {
    "matrices.png": draw_matrices,
    "levels.png": draw_levels,
}


def _panels(count: int, height: float) -> tuple[Figure, list[Any]]:
    figure = Figure((10.5, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, count))


def _levels(ax: Any, level: np.ndarray, title: str, aspect: str) -> Any:
    ax.set_title(title, fontsize=9, color=INK)
    ax.set_xlabel("token", color=INK)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax.imshow(level, cmap=level_colors(), vmin=0, vmax=1, aspect=aspect)


def _outline(ax: Any, matrix: np.ndarray) -> None:
    """Around the tokens that step m computes on its way from row m to row m + 1."""
    found = windows(matrix)
    row = np.repeat(np.arange(len(found.start) + 1), 2)[1:-1] + 0.5
    left = np.repeat(found.start, 2) - 0.5
    right = left + found.width
    x, y = np.concatenate([left, right[::-1], left[:1]]), np.concatenate([row, row[::-1], row[:1]])
    ax.plot(x, y, color=INK, linewidth=1.2)


def _save(figure: Figure, image: Any, path: Path) -> None:
    bar = figure.colorbar(image, ax=figure.axes, ticks=[0, 1], shrink=0.6)
    bar.ax.set_yticklabels(["clean", "noise"])
    bar.outline.set_visible(False)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        draw(CONCEPTS / name)
