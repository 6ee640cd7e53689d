"""The part of `dfplan predict` that fills held-out gaps, by the network and by simpler methods."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from dfplan.cli.progress_bar import step_bar
from dfplan.cli.table import PlainTable
from dfplan.evaluation.bootstrap import interval as mean_interval
from dfplan.forecast.fill import Incomplete, fill_gaps
from dfplan.forecast.gaps import HeldOutGaps, hold_out, interpolate, smooth
from dfplan.forecast.smoother import ConstantVelocity
from dfplan.forecast.windows import COVERAGES, calibrate, errors, inside, interval
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import Weights
from dfplan.report.result import format_interval
from dfplan.representation.layout import Layout
from dfplan.runs.data import load_data
from dfplan.runs.run import Run

DIFFUSION = "diffusion"
SMOOTHER = "Kalman smoother"
LINE = "straight line"
Stretch = Mapping[float, float]


@dataclasses.dataclass(frozen=True)
class Filler:
    """A network that fills gaps, and the settings with which held-out gaps are drawn.

    Attributes:
        run: Run of a network that is not causal.
        planner: Its planner.
        weights: Its weights.
        windows: Number of held-out gaps.
        seed: Random seed of the gaps and the samples.
    """

    run: Run
    planner: DiffusionPlanner
    weights: Weights
    windows: int
    seed: int

    def sample(self, title: str, incomplete: Incomplete, seed: int) -> np.ndarray:
        """Return samples `[W, N, T, S]` of complete sequences."""
        with step_bar(title, len(incomplete.states)) as advance:
            return fill_gaps(self.planner, self.weights, incomplete, seed, advance)

    def hold_out(self, dataset: str, gap: int) -> HeldOutGaps:
        """Draw held-out gaps of a number of tokens from a dataset."""
        data = load_data(self.run, dataset)
        stride = self.planner.model.layout.stride
        tokens = self.run.config.data.tokens
        return hold_out(data, stride, tokens, gap, count=self.windows, seed=self.seed)


def measure_gaps(
    filler: Filler, dataset: str, gap: int, calibration: str | None
) -> tuple[dict[str, Any], Stretch]:
    """Fill held-out gaps by each method; return the record and the stretch of the intervals.

    Args:
        filler: Filler.
        dataset: Minari id of the trajectories.
        gap: Tokens of a gap.
        calibration: Minari id of the calibration set, or None.
    """
    stretches: dict[str, Stretch] = {}
    for method in (DIFFUSION, SMOOTHER):
        stretches[method] = dict.fromkeys(COVERAGES, 1.0)
    if calibration:
        held = filler.hold_out(calibration, gap)
        fills = _fills(filler, held, "calibrating", seed=filler.seed + 1)
        stretches = {
            method: {c: calibrate(fills[method], held.truth, c) for c in COVERAGES}
            for method in stretches
        }
    held = filler.hold_out(dataset, gap)
    fills = _fills(filler, held, "filling", seed=filler.seed)
    layout = filler.run.layout
    samples = fills[DIFFUSION]
    stretch = stretches[DIFFUSION]
    intervals = {c: interval(samples, c, stretch[c]) for c in COVERAGES}
    record = {
        "gap_tokens": gap,
        "stretch": {str(c): factor for c, factor in stretch.items()},
        "episode": held.episode.tolist(),
        "step": held.step.tolist(),
        "mean": layout.to_global(samples.mean(axis=1)).tolist(),
        "intervals": {
            str(c): [layout.to_global(end).tolist() for end in ends]
            for c, ends in intervals.items()
        },
        "measured": _measure(fills, held.truth, stretches, layout=layout),
    }
    return record, stretch


def _measure(
    fills: Mapping[str, np.ndarray],
    truth: np.ndarray,
    stretches: Mapping[str, Stretch],
    layout: Layout,
) -> dict[str, dict[str, Any]]:
    """Return the error and the coverages of each method, each with its confidence interval."""
    position = layout.goal_dims or tuple(range(layout.state_dim))
    measured = {}
    for method, samples in fills.items():
        values = {"error": mean_interval(errors(samples, truth, position)["mean"])}
        for coverage, stretch in stretches.get(method, {}).items():
            covered = inside(samples, truth, coverage, stretch=stretch)
            values[f"coverage_{coverage:.0%}"] = mean_interval(covered.mean(axis=(1, 2)))
        measured[method] = values
    return measured


def _fills(filler: Filler, held: HeldOutGaps, title: str, seed: int) -> dict[str, np.ndarray]:
    """Return the states that each method fills into held-out gaps, `[W, N, P, S]`."""
    incomplete = held.incomplete
    samples = filler.sample(title, incomplete, seed)
    # Fitting to the sequences that are filled favors the smoother.
    sequences = np.moveaxis(incomplete.states.astype(np.float64), -1, 0)
    models = [ConstantVelocity.fit(dimension) for dimension in sequences]
    fills = {
        DIFFUSION: samples,
        SMOOTHER: smooth(models, incomplete, count=samples.shape[1]),
        LINE: interpolate(incomplete)[:, None],
    }
    return {method: filled[:, :, held.gap] for method, filled in fills.items()}


def gap_table(measured: Mapping[str, Any]) -> PlainTable:
    """Return the table of what `measure_gaps` measured: errors, and coverages of intervals."""
    intervals = (f"{coverage:.0%} interval" for coverage in COVERAGES)
    table = PlainTable("filled by", "error (95% CI)", *intervals)
    for method, values in measured.items():
        shares = [values.get(f"coverage_{coverage:.0%}") for coverage in COVERAGES]
        cells = ["-" if share is None else f"{share['mean']:.3f}" for share in shares]
        table.add_row(method, format_interval(values["error"], digits=3), *cells)
    return table


def better_method(measured: Mapping[str, Any]) -> str:
    """Return the method with the smallest error, or "" if that is diffusion."""
    best = min(measured, key=lambda method: measured[method]["error"]["mean"])
    return "" if best == DIFFUSION else best
