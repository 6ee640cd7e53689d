"""The part of `dfplan predict` that fills gaps: measured on held-out ones, and in files of tracks."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from dfplan.cli.common import console, write_text
from dfplan.cli.progress_bar import step_bar
from dfplan.data.importers.columns import Columns
from dfplan.evaluation.bootstrap import interval as mean_interval
from dfplan.forecast.fill import Incomplete, check_fill, fill_gaps
from dfplan.forecast.gaps import HeldOutGaps, hold_out, interpolate, smooth
from dfplan.forecast.smoother import ConstantVelocity
from dfplan.forecast.track_gaps import find_gaps, read_tracks, write_filled
from dfplan.forecast.windows import COVERAGES, calibrate, errors, inside
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import Weights
from dfplan.report.result import format_interval
from dfplan.runs.run import Run

Fill = Callable[[str, Incomplete, int], np.ndarray]
METHODS = {"diffusion": "diffusion", "smoother": "Kalman smoother", "linear": "straight line"}


@dataclasses.dataclass(frozen=True)
class Filler:
    """Filling of gaps with a run's network.

    Attributes:
        run: Run of a network that is not causal.
        planner: Its planner.
        weights: Its weights.
        seed: Random seed of the windows and the samples.
        windows: Number of held-out gaps.
    """

    run: Run
    planner: DiffusionPlanner
    weights: Weights
    seed: int
    windows: int

    @property
    def tokens(self) -> int:
        """Tokens of a training window."""
        return self.run.config.data.tokens

    def sample(self, title: str, incomplete: Incomplete, seed: int) -> np.ndarray:
        """Return samples `[W, N, T, S]` of complete sequences, with a progress bar."""
        with step_bar(title, len(incomplete.states)) as advance:
            return fill_gaps(self.planner, self.weights, incomplete, seed, advance)

    def hold_out(self, dataset: str, gap: int) -> HeldOutGaps:
        """Draw held-out gaps from a dataset."""
        stride = self.planner.model.layout.stride
        data = self.run.load_data(dataset)
        return hold_out(data, stride, self.tokens, gap, count=self.windows, seed=self.seed)
