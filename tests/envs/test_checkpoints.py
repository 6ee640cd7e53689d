"""Pretrained planners in the package are complete and small; they reach a goal, or earn reward."""

import contextlib

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import run_episodes
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run, load_weights
from dfplan.tasks.make_env import make_env
from dfplan.tasks.protocols import PROTOCOLS
from dfplan_envs.tasks import TASKS

PRETRAINED = sorted(name for name, record in TASKS.items() if record["checkpoint"])
MAX_SIZE = 10e6
"""Maximum size of a checkpoint in bytes; the wheel contains all of them."""
MIN_SCORE = {
    "hopper-medium-replay": 26.3,
    "walker2d-medium-expert": 71.3,
    "halfcheetah-medium-expert": 46.2,
}
"""Normalized scores of behavior cloning's best training (experiments/locomotion)."""
MIN_SUCCESS = {
    "ogbench-antmaze-giant-stitch": 0.4,
    "ogbench-antmaze-large-navigate": 0.6,
    "ogbench-cube-single-play": 0.8,
    "ogbench-cube-double-play": 0.8,
    "ogbench-scene-play": 0.6,
}
"""Share of five episodes that succeed at least, where it need not be all of them.

Which episodes are lost depends on a machine's rounding. With the success rates of
experiments/ogbench and experiments/manipulation, the ants' and the cubes' bounds are missed by
chance once in several hundred runs.
"""


def test_every_named_maze_of_d4rl_has_a_pretrained_planner():
    others = {name for name in set(TASKS) - set(PRETRAINED) if name.startswith("pointmaze")}
    assert others == {"pointmaze"}


@pytest.mark.parametrize("name", PRETRAINED)
def test_checkpoint_is_readable_without_its_environment(name):
    _, directory, _ = resolve_run(name)
    run = Run.load(directory)
    assert (run.moves is not None) == run.config.data.single_moves
    assert (run.critic is not None) == run.reward_conditioned


@pytest.fixture(params=PRETRAINED)
def name(request):
    """Return the name of a task whose environment is installed."""
    module = TASKS[request.param]["env"].rpartition(":")[0]
    if module:
        pytest.importorskip(module)
    return request.param


def test_checkpoint_matches_its_task(name):
    run, directory, _ = resolve_run(name)
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MAX_SIZE
    assert not [path for path in files if "training" in path.parts]
    assert run.command.startswith("dfplan train ")
    # All tasks of a maze have the same states, so they share one planner.
    assert run.task.dataset == TASKS[name]["dataset"]
    load_weights(run, directory)
    with contextlib.closing(make_env(run.task.env, run.task.env_kwargs)) as env:
        run.check_env(env)


@pytest.mark.slow
def test_checkpoint_solves_its_task(name):
    agent = Agent.load(name)
    task = resolve_run(name).run.task
    protocol = PROTOCOLS.make(task.protocol)
    episodes = run_episodes(
        agent,
        lambda: make_env(task.env, task.env_kwargs),
        7000 + np.arange(max(protocol.task_count, 1)),
        state=agent.layout.state,
        goal=agent.layout.goal,
        goal_dims=agent.layout.goal_dims,
        protocol=protocol,
    )
    metrics = measure(episodes, task.score)
    if resolve_run(name).run.reward_conditioned:
        score = metrics["normalized_score"]
        assert score is not None and score.mean() > MIN_SCORE[name]
        return
    reached = metrics["reach_rate"]
    assert reached is not None and reached.mean() >= MIN_SUCCESS.get(name, 1.0)
