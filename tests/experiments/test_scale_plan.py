"""The formulas behind docs/concepts/scale.md, and the shards of the measurements."""

import jax
import numpy as np
import pytest

from dfplan.data.shards.read import ShardedTrajectories
from dfplan.model import Model, parameter_count
from dfplan.nets.config import NetConfig
from dfplan.representation.config import DataConfig
from dfplan.representation.tokens import TokenLayout
from experiments.scale import plan, synthetic
from experiments.scale.cost import Layout
from experiments.scale.formats import compare
from experiments.scale.stream import describe

NET = NetConfig(width=64, layers=3, heads=2)


def test_operations_are_those_that_xla_counts():
    counted = plan.lower_step(NET, 4).cost_analysis()["flops"]
    assert plan.make_step(NET, 4).flops() == pytest.approx(counted, rel=0.03)
    assert plan.make_step(NET, 8).flops() == 2 * plan.make_step(NET, 4).flops()


def test_parameters_are_those_of_the_network():
    config = DataConfig(tokens=plan.TOKENS - 1)
    model = Model(TokenLayout.create(synthetic.LAYOUT, config), NET, plan.Config().diffusion)
    params = jax.eval_shape(lambda: model.init(0))
    assert plan.make_step(NET, 1).parameters() == parameter_count(params["denoiser"])


@pytest.mark.parametrize(("devices", "fsdp"), [(8, 1), (8, 8), (64, 8)])
def test_bytes_of_layouts(devices, fsdp):
    layout = Layout("", devices, fsdp)
    assert layout.state_bytes(1000) * fsdp == 16_000
    groups = devices // fsdp
    assert layout.fsdp_bytes(1000) == pytest.approx(8000 * (fsdp - 1) / fsdp)
    assert layout.data_bytes(1000) == pytest.approx(8000 / fsdp * (groups - 1) / groups)
    alone = layout._replace(devices=fsdp)
    assert layout.seconds(1000, plan.H100) >= alone.seconds(1000, plan.H100)


def test_the_page_has_the_tables():
    page = plan.PAGE.read_text()
    for body in (plan.steps_table(), plan.layouts_table(), plan.data_table(), plan.measured_text()):
        assert body in page
    assert plan.evaluation_table() in page and plan.evaluation_table().count("compiled") == 3


def test_collectives_are_shown_relative_to_the_parameters():
    layouts = [
        {"devices": 1, "fsdp_devices": 1, "parameters": 10, "collectives": {}},
        {
            "devices": 8,
            "fsdp_devices": 8,
            "parameters": 10,
            "collectives": {"all-gather": {"bytes": 60}, "all-reduce": {"bytes": 20}},
        },
    ]
    last = plan.collectives_table({"layouts": layouts}).splitlines()[-1]
    assert last == "| 8 | 8 | 1.50 | 0.50 | 0.00 |"


def test_synthetic_shards(tmp_path, monkeypatch):
    pytest.importorskip("array_record")
    monkeypatch.setattr(synthetic, "SHARD_ROWS", 2 * synthetic.EPISODE_ROWS)
    synthetic.write_synthetic(tmp_path / "data", 1e-6)
    data = ShardedTrajectories(tmp_path / "data")
    assert data.length.tolist() == [synthetic.EPISODE_ROWS] * 2 and data.layout.goal_dims == (0, 1)
    assert np.isfinite(data.load().state).all()
    synthetic.write_repeated(
        tmp_path / "data", tmp_path / "sparse", 3 * data.data_bytes / 1e9, sparse=True
    )
    sparse = ShardedTrajectories(tmp_path / "sparse")
    assert len(sparse.state) == 3 * len(data.state) and len(sparse.length) == 6
    assert not sparse.take(np.array([0, len(sparse.state) - 1]))[0].any()
    assert sparse.goal_grid() is not None
    synthetic.write_repeated(tmp_path / "data", tmp_path / "copies", 2 * data.data_bytes / 1e9)
    copies = ShardedTrajectories(tmp_path / "copies")
    assert len(copies.state) == 2 * len(data.state)
    rows = np.arange(len(data.state))
    np.testing.assert_array_equal(copies.take(rows + len(data.state))[1], data.take(rows)[1])
    formats = compare(tmp_path / "data", rounds=1)
    process = {
        "peak_gb": {"all": 1.0, "own": 0.9},
        "first_steps_s": 9.6,
        "steps_per_s": 2.0,
        "read_gb": 0.5,
        "cpu_s": 20.0,
    }
    speed = {"stream_over_memory": 0.99, "stream_over_memory_by_cpu_time": 1.0}
    record = {
        "formats": formats,
        "throughput": {**speed, "rounds": 1, "steps_per_round": 2},
        "gigabytes": 10.0,
        "memory": {"small, memory": process},
    }
    text = describe(record)
    assert (
        "99% of the speed" in text
        and "| small, memory | 1.00 | 0.90 | 10 | 2.0 | 0.50 | 20 |" in text
    )
