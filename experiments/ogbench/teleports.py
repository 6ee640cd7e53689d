"""Count teleports that `data.split_at_chance` finds: python -m experiments.ogbench.teleports."""

import argparse
import time
from collections.abc import Sequence

import numpy as np

from dfplan.cli.common import console
from dfplan.data.chance import find_chance
from dfplan_envs.ogbench.collect import collect
from experiments.common.markdown import table

ENV = "ogbench.locomaze:pointmaze-teleport-v0"
KINDS = ("navigate", "stitch")
LONGEST_STEP = 1.0
"""Meters; the point moves at most 0.3 m per control step, and teleporters move it farther."""


def main(argv: Sequence[str] | None = None) -> int:
    """Collect data of each kind in the teleport maze, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.ogbench.teleports", description=__doc__
    )
    parser.add_argument("--steps", type=int, default=1_000_000, help="control steps of the data")
    args = parser.parse_args(argv)
    rows = [(kind, *map(str, count(kind, args.steps))) for kind in KINDS]
    console.print(table(["data", "teleports", "teleports found", "other steps found"], rows))
    return 0


def count(kind: str, steps: int) -> tuple[int, int, int]:
    """Return the number of teleports, of teleports found, and of other steps found."""
    episodes = [buffer.observations for buffer in collect(ENV, kind, steps=steps)["buffer"]]
    lengths = np.array([len(positions) for positions in episodes])
    last = np.repeat(np.cumsum(lengths) - 1, lengths)
    points = np.concatenate(episodes)
    step_length = np.linalg.norm(np.diff(points, axis=0, append=points[-1:]), axis=-1)
    is_teleport = (step_length > LONGEST_STEP) & (np.arange(len(points)) < last)
    begin = time.process_time()
    is_random = find_chance(points, last)
    console.print(f"{kind}: {time.process_time() - begin:.1f} s of CPU time")
    masks = (is_teleport, is_random & is_teleport, is_random & ~is_teleport)
    teleports, teleports_found, others_found = (int(mask.sum()) for mask in masks)
    return teleports, teleports_found, others_found


if __name__ == "__main__":
    raise SystemExit(main())
