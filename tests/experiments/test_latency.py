"""The latency experiment: its page, its figure, and the PyTorch reference's guided plan."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.latency import compare, exported, network_sizes, xla_options
from experiments.latency.episodes import percent_change
from experiments.latency.figure import draw
from experiments.latency.run import COLUMNS, REFERENCE, page

PLANS = [
    {**dict.fromkeys(COLUMNS, 1.25), "batch": batch, "horizon": horizon, "p50_ms": 1234.5}
    for batch in (1, 16)
    for horizon in (16, 64)
]
DFPLAN = {
    "training_ms": 200.0,
    "training_floor_ms": 90.0,
    "training_bf16_ms": 160.0,
    "plan_ms": 50.0,
    "plan_floor_ms": 20.0,
    "own_plan_ms": 2.5,
}
RESULT = {
    "machine": {"device": "cpu cpu", "cores": 2, "jax": "0", "gemm_gflops": 99.6},
    "training": {"tokens_per_second": 3951.0, "over_floor": 3.11},
    "plans": PLANS,
    "reference": {"dfplan": DFPLAN, "torch": None},
}


def test_the_page_shows_the_measurements():
    lines = page(RESULT).splitlines()
    assert "2 cores, 100 GFLOP/s" in lines[0]
    assert "| 16 | 64 | 1,234 | 1.2 | 1.2 | 1.2 | 1.2 | 1.2 |" in lines
    assert "|  | dfplan, ms | its floor, ms | PyTorch (not installed), ms | ratio |" in lines
    assert "| training step, float32 | 200 | 90 | – | – |" in lines
    steps = {name: 80.0 for _, _, name in REFERENCE if "training" in name}
    torch = {**steps, "version": "2.13.0", "training_ms": 100.0, "plan_ms": 125.0}
    text = page({**RESULT, "reference": {**RESULT["reference"], "torch": torch}})
    assert "| training step, float32 | 200 | 90 | 100 | 0.50 |" in text
    assert "| training step, bfloat16, torch.compile | 160 | – | 80 | 0.50 |" in text
    assert "| guided plan | 50 | 20 | 125 | 2.50 |" in text
    assert "the reference's guided plan | 2 | – | 125 | 50.00 |" in text


def test_the_figure_is_written(tmp_path):
    draw(tmp_path / "plans.png", PLANS)
    assert (tmp_path / "plans.png").stat().st_size > 10_000


def test_first_reach_changes_in_percent_of_the_same_episodes():
    baseline = np.array([100.0, 50.0, 150.0])
    assert percent_change(baseline + 10, baseline) == "+10.0 (+10.0 to +10.0)"
    assert percent_change(baseline + [0, 10, -20], baseline).startswith("-3.3 (-20.0 to ")


def test_compiler_options_are_compared_with_the_default():
    x = jnp.ones((8, 8))
    ratios = xla_options.ratios(jax.jit(jnp.dot).lower(x, x), lambda: (x, x), rounds=3)
    assert len(ratios) == len(xla_options.OPTIONS)
    assert ratios[0] == "1.00"
    assert all(0 < float(ratio) < 100 for ratio in ratios)


def test_the_reference_plan_follows_the_whole_matrix():
    torch = pytest.importorskip("torch")
    from experiments.latency.torch_reference import Reference, guided_plan

    levels = compare._planner_levels()
    assert levels.shape == (130, network_sizes.FUTURE)
    levels_called = []

    def halve(x, level):
        levels_called.append(level[0].numpy())
        return 0.5 * x.tanh()

    torch.manual_seed(0)
    plan = guided_plan(halve, torch.as_tensor(levels))
    assert plan.shape == (1, network_sizes.TOKENS, network_sizes.FEATURES)
    np.testing.assert_allclose(np.stack(levels_called)[:, 1:], levels[:-1])
    assert (np.stack(levels_called)[:, 0] == 0).all()
    # A future token ends as a clean estimate, which this network keeps below a half.
    assert plan[0, 1:].abs().max() <= 0.5 < plan[0, 0].abs().max()
    x = torch.randn(2, network_sizes.TOKENS, network_sizes.FEATURES)
    net = Reference().eval()
    changed = x.clone()
    changed[:, 40] += 1
    level = torch.full((2, network_sizes.TOKENS), 0.5)
    with torch.no_grad():
        differs = (net(x, level) - net(changed, level)).abs().amax((0, 2)) > 0
    assert not differs[:40].any() and differs[40:].all()


def test_stages_of_an_exported_planner_have_wall_and_cpu_times():
    once = np.array([[1.0, 0.5], [2.0, 0.25], [3.0, 1.5], [0.1, 0.05]])
    *_, first, later = exported.page({"first": [once], "later": [once, 3 * once]}).splitlines()
    assert first == "| first | 1.00 (0.50) | 2.00 (0.25) | 3.00 (1.50) | 0.10 (0.05) |"
    assert later.startswith("| later | 2.00 (1.00) |")
