"""Which falls of the ant can still be avoided: python -m experiments.ogbench.avoidable TASK.

States some steps before the falls in the data are restored in the simulator, and the run's
low-level policy continues from them with other targets or noisy actions. The table has the share of
continuations in which the ant turns over.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from dfplan.cli.common import console
from dfplan.control.learned_policy import steer
from dfplan.data.minari_io import load_trajectories
from dfplan.data.trajectories import Trajectories
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run
from dfplan.tasks.make_env import make_env
from dfplan.types import UserError
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.common.markdown import table
from experiments.common.stages import USAGE
from experiments.ogbench.ant_pose import overturned
from experiments.ogbench.overturned import NAMES
from experiments.ogbench.study import PREFIX

LEADS = (4, 8, 12, 16, 24, 32)
"""Control steps before the ant turns over at which it continues in another way."""
AFTER = 40
"""Control steps by which a continuation is longer than the data took to turn over."""
HEADING_STEPS = 10
"""Control steps over which the displacement of an ant gives its heading."""
FAR = 2.9
NEAR = 1.0
"""Distances of targets, in meters; those of the planner lie between them."""
NOISE = 0.2
"""Standard deviation of the noise on actions, as in the data."""
REPEATS = 2
PERTURBATION = 1e-3
"""Standard deviation of the noise on restored states; contacts amplify even the smallest noise."""
CHOICES: dict[str, tuple[float, tuple[float, ...], float]] = {
    "straight on": (FAR, (0.0,), 0.0),
    "straight on, nearer target": (NEAR, (0.0,), 0.0),
    "straight on, noisy actions": (FAR, (0.0,), NOISE),
    "the ant's own position": (0.0, (0.0,), 0.0),
    "45 degrees to either side": (FAR, (45.0, -45.0), 0.0),
    "90 degrees to either side": (FAR, (90.0, -90.0), 0.0),
    "135 degrees to either side": (FAR, (135.0, -135.0), 0.0),
    "backward": (FAR, (180.0,), 0.0),
}
"""Distance of the target, its angles from the heading, and the noise on actions."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of a task's data."""
    parser = argparse.ArgumentParser(prog="python -m experiments.ogbench.avoidable")
    parser.add_argument("task", metavar="TASK", choices=NAMES, help=", ".join(NAMES))
    parser.add_argument("--run", help="run (default: the pretrained one of the task)")
    parser.add_argument("--falls", type=int, default=1000, help="maximum number of falls")
    args = parser.parse_args(argv)
    if args.falls < 1:
        parser.error(f"--falls is {args.falls}; needed: at least 1")
    enable_compilation_cache()
    try:
        run = resolve_run(args.run or PREFIX + args.task).run
        if run.policy is None:
            raise UserError("the run has no low-level policy; needed: a run with one")
        data = load_trajectories(run.task.dataset)
        rows = fall_rows(data)[: args.falls]
        if not len(rows):
            raise UserError(f"no ant turns over in {run.task.dataset!r} after it has walked")
    except UserError as error:
        print(f"avoidable: error: {error}", file=sys.stderr)
        return USAGE
    env = make_env(run.task.env, run.task.env_kwargs).unwrapped
    cells = [(name, *shares(run, env, data, rows, name)) for name in CHOICES]
    console.print(f"{len(rows)} falls")
    console.print(table(("target", *(f"{lead} steps before" for lead in LEADS)), cells))
    return 0


def fall_rows(data: Trajectories) -> np.ndarray:
    """Return the first overturned row of each episode whose ant has walked long enough before."""
    over = overturned(data.state)
    rows = []
    for start, length in zip(data.start, data.length, strict=True):
        steps = np.flatnonzero(over[start : start + length])
        if len(steps) and steps[0] >= max(LEADS) + HEADING_STEPS:
            rows.append(start + steps[0])
    return np.array(rows, int)


def shares(run: Run, env: Any, data: Trajectories, rows: np.ndarray, choice: str) -> list[str]:
    """Return the share of continuations in which the ant turns over, for each lead."""
    distance, angles, noise = CHOICES[choice]
    cells = []
    for lead in LEADS:
        present = rows - lead
        move = data.state[present, :2] - data.state[present - HEADING_STEPS, :2]
        heading = np.arctan2(move[:, 1], move[:, 0])
        falls = []
        for repeat in range(REPEATS):
            angle = heading + np.deg2rad(angles[repeat % len(angles)])
            offset = distance * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
            states = data.state[present].astype(np.float64)
            falls.append(walk(run, env, states, offset, noise, steps=lead + AFTER, seed=repeat))
        cells.append(f"{np.mean(falls):.2f}")
    return cells


def walk(
    run: Run,
    env: Any,
    states: Float[np.ndarray, "B S"],
    offset: Float[np.ndarray, "B 2"],
    noise: float,
    *,
    steps: int,
    seed: int,
) -> np.ndarray:
    """Return whether each ant overturns on the way to targets at a fixed offset, `[B]` bool."""
    assert run.policy is not None
    rng = np.random.default_rng(seed)
    states[:, 2:] += PERTURBATION * rng.standard_normal(states[:, 2:].shape)
    fallen = np.zeros(len(states), bool)
    remaining = np.full(len(states), 1.0, np.float32)
    nq = env.model.nq
    for _ in range(steps):
        target = (states[:, :2] + offset).astype(np.float32)
        observed = states.astype(np.float32)
        actions = np.array(
            steer(run.policy, run.states, run.actions, observed, target, steps=remaining)
        )
        actions += noise * rng.standard_normal(actions.shape)
        for row in np.flatnonzero(~fallen):
            env.set_state(states[row, :nq], states[row, nq:])
            env.do_simulation(np.clip(actions[row], -1, 1), env.frame_skip)
            states[row] = env.get_ob()
        fallen |= overturned(states)
    return fallen


if __name__ == "__main__":
    raise SystemExit(main())
