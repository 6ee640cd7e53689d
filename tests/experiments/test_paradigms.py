"""The paradigms experiment: what is measured of a trajectory, and what is trained and asked."""

import itertools

import numpy as np
import pytest
from dfplan.data.layout import Layout

from dfplan.config import Config
from dfplan.data.minari_io import from_episodes
from dfplan_envs.pointmaze.maps import parse_map
from experiments.maze2d import records
from experiments.maze2d.physics import PointMass
from experiments.maze2d.study import ABLATION, TUNING
from experiments.maze2d.study import EVALUATION as MAZE_EVALUATION
from experiments.paradigms import run
from experiments.paradigms.measures import Dynamics, fit, judge
from experiments.paradigms.study import EVALUATION, PARADIGMS, ROLLOUTS, WINDOW, Study
from experiments.paradigms.table import render_rollouts, render_uses, rollouts, uses
from experiments.paradigms.train import command
from experiments.paradigms.uses import USES
from experiments.robustness.study import EVALUATION as ROBUSTNESS
from experiments.stages import USAGE

MAZE = parse_map(["#####", "#   #", "#####"])  # free where |x| < 1.5 and |y| < 0.5
LIMITS = Dynamics(residual=0.01, top_speed=5.1, speed=2.0, stride=10)
BALL = PointMass(10.0, 1.0, 1.0, 1.0, 1.0, 0.0)


def straight(*x, speed=2.0):
    """A rollout along the x axis, `[1, P+1, 4]`, whose velocity is `speed`."""
    return np.array([[[place, 0.0, speed, 0.0] for place in x]])


def test_nothing_was_tuned_on_its_episodes():
    ranges = [set(r) for r in (EVALUATION, MAZE_EVALUATION, ABLATION, TUNING, ROBUSTNESS)]
    assert sum(map(len, ranges)) == len(set.union(*ranges))
    assert Study().held_out != Study().rehearsal(Study.runs, 3).held_out


def test_a_move_is_what_its_velocities_say():
    found = judge(straight(0.0, 0.2, 0.4, 0.7), MAZE, LIMITS)  # 0.1 s at 2 m/s is 0.2 m
    assert found["valid"].tolist() == [[True, True, False]] and found["free"].all()
    np.testing.assert_allclose(found["speed"], 1.0)
    fast = judge(straight(0.0, 0.6, speed=6.0), MAZE, LIMITS)
    assert not fast["valid"].any() and fast["free"].all() and fast["speed"] == 3.0


def test_a_state_is_free_where_no_wall_is():
    found = judge(straight(1.2, 1.4, 1.6), MAZE, LIMITS)
    assert found["free"].tolist() == [[True, False]] and found["both"].tolist() == [[True, False]]
    lost = straight(0.0, np.nan, np.inf, 1e30)
    assert not any(judge(lost, MAZE, LIMITS)[name].any() for name in ("free", "valid", "both"))


def test_limits_are_those_of_the_data():
    rng = np.random.default_rng(0)
    place = np.concatenate([np.zeros(1), np.cumsum(0.02 + 1e-3 * rng.normal(size=4000))])
    states = np.stack([place, 0 * place, 2 + 0 * place, 0 * place], axis=1).astype(np.float32)
    data = from_episodes([states], [np.zeros((4001, 2), np.float32)], Layout(4, 2), "my/line-v0")
    limits = fit(data, 10, BALL)
    off = np.abs(place[10:] - place[:-10] - 0.2)
    assert limits.residual == pytest.approx(np.quantile(off, 0.999), rel=1e-3)
    assert limits.speed == 2.0 and limits.stride == 10
    assert limits.top_speed == BALL.top_speed


def test_paradigms_differ_in_what_is_drawn_alone():
    """Network, data and the tokens that go through it are the same, and the product takes all."""
    for paradigm in PARADIGMS.values():
        config = Config().override(paradigm.settings)
        streams = {"single": 1, "two": 2}[config.training.objective.streams]
        assert streams * config.training.batch_size == 64
        assert (config.net.width, config.training.steps) == (64, 1200)
    for rollout in ROLLOUTS.values():
        changed = {f"planner.{name}": value for name, value in rollout.planner.items()}
        config = Config().override({**PARADIGMS[rollout.paradigm].settings, **changed})
        assert config.planner.history + config.planner.horizon <= WINDOW
        assert (config.planner.steps == 1) == (rollout.paradigm == "regression")
    for matrix, settings in itertools.chain(*(u.items() for u in USES.values())):
        assert Config().override({f"planner.{k}": v for k, v in settings.items()})
        assert settings["matrix"] == matrix
    words = command(Study(settings={"net.width": 16}), "full", 2, Study.runs)
    assert words[words.index("--net.width") + 1] == "16"
    assert words[words.index("--training.seed") + 1] == "2" and "none" in words


def test_shares_are_of_the_first_windows(tmp_path):
    study = Study(seeds=(0, 1), lengths=(1, 2)).rehearsal(tmp_path, 3)
    for name, seed in itertools.product(("forcing", "regression"), (0, 1)):
        share = {"forcing": [1.0, 1.0], "regression": [1.0, 0.5]}[name]
        record = {m: [share] * 3 for m in ("both", "free", "valid", "speed")}
        records.write(study.result("rollouts", name, seed), {"by_window": record})
    found = rollouts(study)
    assert found["regression"]["1"]["both"]["mean"] == 1.0
    assert found["regression"]["2"]["behind"]["mean"] == 0.25
    text = render_rollouts(found, study.lengths)
    assert "| 75.00 |" in text and "| 25.00 |" in text and "**Diffusion Forcing**" in text


def test_uses_are_judged_by_their_reach_rate(tmp_path):
    study = Study().rehearsal(tmp_path, 50)
    for matrix, failures in (("autoregressive", 1), ("full_sequence", 2)):
        reached = [1.0] * (50 - failures) + [0.0] * failures
        values = {"reach_rate": reached, "first_reach": [9.0] * 50}
        records.write(study.result("uses", f"pointmaze-large-{matrix}", 0), {"per_episode": values})
    text = render_uses(uses(study))
    assert text.count("| met |") == 1 and text.count("| missed |") == 1


def test_the_command_refuses_what_there_is_not(capsys):
    assert run.main(["weigh"]) == USAGE
    assert "valid: data, train, rollouts" in capsys.readouterr().err
