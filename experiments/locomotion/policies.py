"""Choose the policies that ship from a training: python -m experiments.locomotion.policies hopper.

The expert is the snapshot with the highest return. The medium policy is one of the three snapshots
before the one at which the average return of three in a row first reaches a third of the expert's:
the one whose return is closest to that third. An average is used since a single snapshot may reach
it early, as a hopper that stands still is rewarded for not falling. The file holds the snapshots up
to the medium policy, from which medium-replay is collected, and the expert. Prints the returns that
normalize scores, over fresh episodes.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan_envs.locomotion.actor import Snapshot, stack_snapshots, unstack_snapshots
from dfplan_envs.locomotion.tasks import ENVS
from experiments.locomotion.measure import play
from experiments.locomotion.train import RUNS

PACKAGE = Path(__file__).parents[2] / "envs/dfplan_envs/locomotion"
RESULTS = Path(__file__).parent / "policies"
MEDIUM_SHARE = 1 / 3
"""Return of the medium policy relative to the expert's (Fu et al. 2020, arXiv 2004.07219)."""
AVERAGED = 3
"""Snapshots over which the return is averaged to find the medium policy."""
SEED = 20_000
EPISODES = 100


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file of policies and the record of their returns."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.locomotion.policies", description=__doc__
    )
    parser.add_argument("robot", choices=ENVS)
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder of the trainings")
    parser.add_argument("--out", type=Path, default=PACKAGE, help="folder of the policies")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the records")
    args = parser.parse_args(argv)
    snapshots = choose(read_snapshots(args.runs / args.robot))
    # The weights that ship are measured, which are those in half precision.
    *replay, medium, expert = unstack_snapshots(stack_snapshots(snapshots))
    record = describe(ENVS[args.robot], medium=medium, expert=expert)
    medium = medium._replace(mean_return=record["medium"]["mean_return"])
    expert = expert._replace(mean_return=record["expert"]["mean_return"])
    arrays: dict[str, Any] = stack_snapshots([*replay, medium, expert])
    np.savez_compressed(args.out / f"{args.robot}.npz", **arrays)
    record["training"] = json.loads((args.runs / args.robot / "evaluations.json").read_text())
    args.results.mkdir(parents=True, exist_ok=True)
    (args.results / f"{args.robot}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps({name: record[name] for name in ("random", "medium", "expert")}, indent=1))


def read_snapshots(folder: Path) -> list[Snapshot]:
    """Return the snapshots of a training, in order."""
    snapshots = []
    for path in sorted(folder.glob("actor-*.npz")):
        with np.load(path) as file:
            snapshots += unstack_snapshots(dict(file))
    return snapshots


def choose(snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """Return the snapshots up to the medium policy, and the expert."""
    returns = np.array([snapshot.mean_return for snapshot in snapshots])
    average = np.convolve(returns, np.ones(AVERAGED) / AVERAGED)[: len(returns)]
    goal = MEDIUM_SHARE * returns.max()
    passed = int(np.argmax(average >= goal))
    last = np.arange(max(passed - AVERAGED, 0), passed)
    medium = int(last[np.argmin(np.abs(returns[last] - goal))])
    return [*snapshots[: medium + 1], snapshots[int(np.argmax(returns))]]


def describe(env_id: str, *, medium: Snapshot, expert: Snapshot) -> dict[str, Any]:
    """Return the mean return and length of episodes of random actions and of both policies."""
    policies = {"random": None, "medium": medium, "expert": expert}
    record = {}
    for name, snapshot in policies.items():
        actor = None if snapshot is None else snapshot.actor
        returns, lengths = play(env_id, actor, episodes=EPISODES, seed=SEED)
        record[name] = {
            "steps": 0 if snapshot is None else snapshot.steps,
            "mean_return": float(returns.mean()),
            "std_return": float(returns.std()),
            "mean_length": float(lengths.mean()),
        }
    return record


if __name__ == "__main__":
    main()
