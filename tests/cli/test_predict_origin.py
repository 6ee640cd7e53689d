"""Forecasts far from the origin are written and drawn in the dataset's coordinates."""

from types import SimpleNamespace

import numpy as np

from dfplan.cli.predict import _record
from dfplan.forecast.windows import COVERAGES, ForecastWindows
from dfplan.planner.plan import History
from dfplan.plots.forecast import forecast_figure
from dfplan.representation.layout import Layout

ORIGIN = np.array([500_000.0, 3_900_000.0])
LAYOUT = Layout(2, 2, goal_dims=(0, 1), origin=tuple(ORIGIN))
RNG = np.random.default_rng(0)
SAMPLES = RNG.normal(size=(3, 8, 4, 2)).astype(np.float32)


def windows() -> ForecastWindows:
    history = History(np.zeros((3, 2, 1, 2), np.float32), np.zeros((3, 2, 1, 2)), np.zeros((3, 2)))
    index = np.arange(3)
    return ForecastWindows(history, future=SAMPLES[:, 0], episode=index, step=index)  # pyright: ignore


def record(layout: Layout) -> dict:
    tokens = SimpleNamespace(stride=1, goal_dims=(0, 1), state_dim=2)
    config = SimpleNamespace(history=SimpleNamespace(tokens=2))
    planner = SimpleNamespace(model=SimpleNamespace(layout=tokens), config=config)
    args = SimpleNamespace(run="r", dataset="d", calibration=None)
    stretch = dict.fromkeys(COVERAGES, 1.0)
    return _record(args, planner, layout, windows=windows(), samples=SAMPLES, stretch=stretch)  # pyright: ignore


def test_forecasts_are_global_and_their_errors_the_same():
    far = record(LAYOUT)
    near = record(Layout(2, 2, goal_dims=(0, 1)))
    np.testing.assert_allclose(np.array(far["mean"]) - ORIGIN, near["mean"], atol=1e-9)
    for coverage, ends in near["intervals"].items():
        np.testing.assert_allclose(far["intervals"][coverage] - ORIGIN, ends, atol=1e-9)
    assert far["measured"] == near["measured"]


def test_the_figure_shows_global_coordinates():
    axes = forecast_figure(windows(), SAMPLES, LAYOUT).axes[0]
    points = np.concatenate([line.get_xydata() for line in axes.lines])
    np.testing.assert_allclose(points.mean(axis=0), ORIGIN, atol=2)
