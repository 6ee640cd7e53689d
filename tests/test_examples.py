"""The examples do what they say, for fewer steps and episodes."""

import dataclasses
import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from dfplan.agent import Agent
from dfplan.data.minari_io import load_trajectories
from dfplan.nets.network import NETWORKS
from dfplan.planner.call import PlanCall
from dfplan.planner.plan import History
from dfplan.runs.train import train
from dfplan.tasks.registry import get_task
from tests.fixtures import well_compiled

EXAMPLES = Path(__file__).parents[1] / "examples"
TESTED = {
    "one_environment",
    "vector_environments",
    "collect_with_planner",
    "mppi_planner",
    "plain_callable",
    "sb3_evaluate_policy",  # in test_sb3.py
    "mixer_network",
}
MAX_LINES = {"mppi_planner": 100, "mixer_network": 110}


def example(name: str):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]


@pytest.fixture(scope="module")
def alone():
    return example("one_environment")(3)


def test_each_is_short_and_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == TESTED
    guide = EXAMPLES.parent.joinpath("docs/how-to/agent.md").read_text()
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text().splitlines()) <= MAX_LINES.get(path.stem, 40)
        assert f"`{path.name}`" in guide


def test_one_environment_reaches_its_goals(alone):
    assert min(alone) > 200  # of 300


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_vector_environments_give_what_one_gives(alone, mode):
    returns = example("vector_environments")(episodes=3, envs=3, mode=mode)
    assert returns == pytest.approx(alone, abs=2)  # a step sooner or later, by float rounding


def test_a_function_of_the_observation():
    stateful, stateless = example("plain_callable")(steps=600)
    assert stateful > 400  # it turns to the second goal, too
    assert stateless > 10


def test_a_planner_from_outside_the_package_refines_plans_and_drives():
    main = example("mppi_planner")
    assert main(300) > 200
    agent = Agent.load("pointmaze-umaze", planner={"kind": "mppi:samples=64"})
    planner = agent.planner
    weights = agent.weights
    start = np.array([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]], np.float32)
    goal = jnp.asarray(start[::-1])
    layout = planner.model.layout
    history = History(
        frames=jnp.zeros((4, 1, 1, 4)).at[:, 0, 0, :2].set(start),
        actions=jnp.zeros((4, 1, layout.stride, layout.action_dim)),
        level=jnp.zeros((4, 1)),
    )
    arguments = weights, jax.random.split(jax.random.key(0), 4), history, goal
    plain, refined = (
        planner.cost(p.plan(PlanCall(*arguments)).states[:, None], goal, weights, None)[:, 0]
        for p in (planner.diffusion, planner)
    )
    assert (refined <= plain).all()
    assert refined.mean() < plain.mean() - 1  # control steps


@pytest.mark.slow
def test_a_network_from_outside_trains_and_plans(monkeypatch):
    monkeypatch.setattr(NETWORKS, "_objects", {})  # unregistered again after the test
    with well_compiled():
        net, loss, states = example("mixer_network")()
    assert net.kernel == 4 and loss < 0.6
    np.testing.assert_allclose(states[[0, -1]], [[0, 0], [1, 1]], atol=0.1)

    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 8, net.features)), jnp.float32)
    level = jnp.asarray(rng.uniform(size=(2, 8)), jnp.float32)
    full = net(x, level)
    cache = net.init_cache(2, 8)
    for start, width in ((0, 3), (3, 1), (4, 4)):
        window = slice(start, start + width)
        output, cache = net.extend(cache, x[:, window], level[:, window], start)
        np.testing.assert_allclose(output, full[:, window], atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`.*` is set to None:UserWarning")
def test_what_a_planner_collects_can_be_trained_on(tmp_path, monkeypatch, tiny_config):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert example("collect_with_planner")(episodes=2).total_steps == 600
    data = load_trajectories("my/planned-v0")
    assert data.state.shape == (602, 4) and data.layout.goal_dims == (0, 1)
    assert abs(data.action).max() <= 1
    task = dataclasses.replace(get_task("pointmaze-umaze"), dataset="my/planned-v0")
    train(task, tiny_config.override({"training.steps": 2}), tmp_path / "run")
    assert Agent.load(tmp_path / "run").layout == data.layout
