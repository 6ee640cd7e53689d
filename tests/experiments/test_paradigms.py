"""The paradigms experiment: the measures of a trajectory, the training commands, the tables."""

import itertools

import numpy as np
import pytest

from dfplan.config import Config
from dfplan.data.trajectories import from_episodes
from dfplan.representation.layout import Layout
from dfplan_envs.pointmaze.maps import parse_map
from dfplan_envs.pointmaze.model import build_model
from dfplan_envs.pointmaze.pursuit import TOP_SPEED
from dfplan_envs.pointmaze.simulate import BatchPhysics
from experiments.common import records
from experiments.common.protocol import TUNING
from experiments.common.stages import USAGE
from experiments.maze2d.study import ABLATION
from experiments.maze2d.study import EVALUATION as MAZE_EVALUATION
from experiments.paradigms import run
from experiments.paradigms.measures import Dynamics, check_states, fit
from experiments.paradigms.study import EVALUATION, PARADIGMS, ROLLOUTS, WINDOW, Study
from experiments.paradigms.table import (
    gather_rollouts,
    gather_uses,
    render_rollouts,
    render_uses,
)
from experiments.paradigms.train import command
from experiments.paradigms.uses import USES
from experiments.robustness.study import EVALUATION as ROBUSTNESS_EVALUATION

MAZE = parse_map(["#####", "#   #", "#####"])  # free where |x| < 1.5 and |y| < 0.5
LIMITS = Dynamics(residual=0.01, top_speed=5.1, speed=2.0, stride=10)


def straight(*x, speed=2.0):
    """Return a rollout along the x axis, `[1, P+1, 4]`, with velocity `speed`."""
    return np.array([[[position, 0.0, speed, 0.0] for position in x]])


def test_its_episodes_were_not_used_for_tuning():
    ranges = [
        set(r) for r in (EVALUATION, MAZE_EVALUATION, ABLATION, TUNING, ROBUSTNESS_EVALUATION)
    ]
    assert sum(map(len, ranges)) == len(set.union(*ranges))
    assert Study().held_out != Study().dry_run(Study.runs, 3).held_out


def test_a_valid_move_agrees_with_its_velocities():
    judged = check_states(straight(0.0, 0.2, 0.4, 0.7), MAZE, LIMITS)  # 0.1 s at 2 m/s is 0.2 m
    assert judged["valid"].tolist() == [[True, True, False]] and judged["free"].all()
    np.testing.assert_allclose(judged["speed"], 1.0)
    fast = check_states(straight(0.0, 0.6, speed=6.0), MAZE, LIMITS)
    assert not fast["valid"].any() and fast["free"].all() and fast["speed"] == 3.0


def test_a_free_state_is_outside_walls():
    judged = check_states(straight(1.2, 1.4, 1.6), MAZE, LIMITS)
    assert judged["free"].tolist() == judged["both"].tolist() == [[True, False]]
    diverged = check_states(straight(0.0, np.nan, np.inf, 1e30), MAZE, LIMITS)
    assert not any(diverged[name].any() for name in ("free", "valid", "both"))


def test_limits_are_computed_from_the_data():
    rng = np.random.default_rng(0)
    x = np.concatenate([np.zeros(1), np.cumsum(0.02 + 1e-3 * rng.normal(size=4000))])
    states = np.stack([x, 0 * x, 2 + 0 * x, 0 * x], axis=1).astype(np.float32)
    data = from_episodes([states], [np.zeros((4001, 2), np.float32)], Layout(4, 2), "my/line-v0")
    limits = fit(data, 10)
    residual = np.abs(x[10:] - x[:-10] - 0.2)
    assert limits.residual == pytest.approx(np.quantile(residual, 0.999), rel=1e-3)
    assert limits.speed == 2.0 and limits.stride == 10
    assert limits.top_speed == TOP_SPEED


def test_top_speed_is_the_simulators():
    maze = parse_map("Large")
    physics = BatchPhysics(build_model(maze), 1)
    state = np.array([[*maze.center(maze.free[0]), 5.0, 0.0]])  # at the clipping limit
    (after,) = physics.step(state, np.array([[1.0, 0.0]]))
    assert after[2] == pytest.approx(TOP_SPEED, rel=1e-9)


def test_paradigms_differ_only_in_the_noise_levels_they_draw():
    """Network, data and number of tokens are equal, and dfplan accepts all settings."""
    for paradigm in PARADIGMS.values():
        config = Config().override(paradigm.settings)
        streams = 2 if config.training.objective.two_stream else 1
        assert streams * config.training.batch_size == 64
        assert (config.net.width, config.training.steps) == (64, 1200)
    for rollout in ROLLOUTS.values():
        changed = {f"planner.{name}": value for name, value in rollout.planner.items()}
        config = Config().override({**PARADIGMS[rollout.paradigm].settings, **changed})
        assert config.planner.history.tokens + config.planner.horizon <= WINDOW
        assert (config.planner.sampling.steps == 1) == (rollout.paradigm == "regression")
    for matrix, settings in itertools.chain(*(u.items() for u in USES.values())):
        assert Config().override({f"planner.{k}": v for k, v in settings.items()})
        assert settings["sampling.matrix"].partition(":")[0] == matrix
    arguments = command(Study(settings={"net.width": 16}), "full", 2, Study.runs)
    assert arguments[arguments.index("--net.width") + 1] == "16"
    assert arguments[arguments.index("--training.seed") + 1] == "2"
    assert arguments[arguments.index("--env") + 1] == "none"


def test_shares_cover_the_first_windows(tmp_path):
    study = Study(seeds=(0, 1), lengths=(1, 2)).dry_run(tmp_path, 3)
    for name, seed in itertools.product(("forcing", "regression"), (0, 1)):
        share = {"forcing": [1.0, 1.0], "regression": [1.0, 0.5]}[name]
        record = {m: [share] * 3 for m in ("both", "free", "valid", "speed")}
        records.write(study.result("rollouts", name, seed), {"by_window": record})
    gathered = gather_rollouts(study)
    assert gathered["regression"]["1"]["both"]["mean"] == 1.0
    assert gathered["regression"]["2"]["behind"]["mean"] == 0.25
    text = render_rollouts(gathered, study.lengths)
    assert "| 75.00 |" in text and "| 25.00 |" in text and "**Diffusion Forcing**" in text


def test_uses_are_judged_by_their_reach_rate(tmp_path):
    study = Study().dry_run(tmp_path, 50)
    for matrix, failures in (("autoregressive", 1), ("full_sequence", 2)):
        reached = [1.0] * (50 - failures) + [0.0] * failures
        values = {"reach_rate": reached, "first_reach": [9.0] * 50}
        records.write(study.result("uses", f"pointmaze-large-{matrix}", 0), {"per_episode": values})
    text = render_uses(gather_uses(study))
    assert text.count("| met |") == 1 and text.count("| missed |") == 1


def test_an_unknown_stage_is_refused(capsys):
    assert run.main(["weigh"]) == USAGE
    error = capsys.readouterr().err
    assert all(word in error for word in ("'weigh'", "data", "train", "rollouts"))
