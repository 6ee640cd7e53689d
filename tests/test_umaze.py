"""End to end at a small size: data, training, planning, control, and the score it must reach."""

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.data.collect import collect_with
from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import run_episodes
from dfplan.runs.presets import make_config
from dfplan.runs.train import train
from dfplan.tasks.load import load_function
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import get_task
from tests.fixtures import well_compiled

EPISODES = 20
SMALLER = {"net.width": 64, "net.layers": 2, "training.steps": 400, "training.batch_size": 32}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("umaze")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(home / "datasets"))
        (home / "datasets").mkdir()
        task = get_task("pointmaze-umaze")
        collect_with(load_function(task.collector), task.env, task.dataset, steps=50_000, seed=0)
        config = make_config(task, "small").override(SMALLER)
        with well_compiled():
            train(task, config, home / "run")
    return home / "run"


def score(run, count=EPISODES, **planner):
    task = get_task("pointmaze-umaze")
    agent = Agent.load(run, planner=planner)
    episodes = run_episodes(
        agent,
        lambda: make_env(task.env, task.env_kwargs),
        np.arange(count) + 2000,
        state=agent.layout.state,
        goal=agent.layout.goal,
    )
    metrics = {k: float(v.mean()) for k, v in measure(episodes, task.score).items()}
    print(planner, metrics)
    return metrics


# One test, as each process of a parallel run would train a network of its own.
@pytest.mark.slow
def test_reaches_the_goals_and_stays(run, subtests):
    for planner in (
        {"sampling.matrix": "autoregressive", "warm_start.level": 0.0},
        {"sampling.matrix": "pyramid", "warm_start.level": 0.0},
        {"sampling.matrix": "full_sequence", "warm_start.level": 0.0},
        {"warm_start.level": 0.8},
    ):
        with subtests.test(**planner):
            metrics = score(run, **planner)
            assert metrics["reach_rate"] >= 0.95
            assert metrics["success_rate"] >= 0.95
            assert metrics["first_reach"] <= 65  # the data's controller takes 70
    with subtests.test("inverse dynamics instead of a tracker"):
        assert score(run, low_level_controller="inverse")["reach_rate"] >= 0.8
    # A control for the other cases: only the goal token leads to the goal.
    with subtests.test("without its goal the planner wanders"):
        metrics = score(run, 10, candidates=1, **{"goal.conditioning": "none"})
        assert metrics["first_reach"] >= 90
