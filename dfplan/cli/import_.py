"""`dfplan import`."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from dfplan.cli.common import (
    File,
    Integer,
    Text,
    check_outputs,
    console,
    need_at_least,
    parse,
    write_json,
)
from dfplan.cli.progress import step_bar
from dfplan.data.collect import check_new_dataset_id
from dfplan.data.importers.columns import Columns
from dfplan.data.importers.formats import IMPORTERS, describe_formats, read_files
from dfplan.data.importers.write import ImportOptions, write_episodes
from dfplan.types import UserError

FormatName = Annotated[
    str,
    tyro.conf.Positional,
    tyro.conf.arg(metavar="FORMAT", help_behavior_hint="", help=f"One of: {describe_formats()}."),
]
Paths = Annotated[
    tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PATH ...", help_behavior_hint="")
]
Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...", help_behavior_hint="")]
Bounds = Annotated[
    tuple[float, float] | None, tyro.conf.arg(metavar="LOW HIGH", help_behavior_hint="")
]


@dataclasses.dataclass(frozen=True)
class Args:
    """Write files of another toolkit as a dataset in the local Minari folder.

    Columns are named as in the file: --observations infos/qpos infos/qvel puts two side by side.
    Where a file holds goals, observations become a Dict with observation, achieved_goal and
    desired_goal; without any, `dfplan train --goal-dims` says where in the state goals are.

    Attributes:
        format: Name of the format.
        paths: files, joined in their order.
        dataset: Minari id to write; must be free.
        observations: columns that make the observation; the format's own by default.
        actions: columns that make the action; the format's own by default.
        rewards: column of the rewards; none for zeros.
        goal: column of the goals; none to leave them out.
        goal_dims: dimensions of the observation that the goal is of; the first ones by default.
        action_bounds: lowest and highest action of the environment; open by default.
        episode_steps: rows per episode, for files that mark no ends.
        json: also write what was imported to this file.
    """

    format: FormatName = ""
    paths: Paths = ()
    dataset: Text = None
    observations: Names = ()
    actions: Names = ()
    rewards: Text = None
    goal: Text = None
    goal_dims: tuple[int, ...] = ()
    action_bounds: Bounds = None
    episode_steps: Integer = None
    json: File = None


def main(argv: Sequence[str]) -> int:
    """Import files."""
    args = parse(Args, "import", argv)
    IMPORTERS.get(args.format)
    if args.dataset is None:
        raise UserError("--dataset is missing: the Minari id to write, such as my/name-v0")
    need_at_least(2, episode_steps=args.episode_steps)
    check_new_dataset_id(args.dataset)
    check_outputs(args.json)
    begin = time.perf_counter()
    columns = Columns(args.observations, args.actions, args.rewards, args.goal)
    episodes = read_files(args.format, args.paths, columns, args.episode_steps)
    files = ", ".join(path.name for path in args.paths)
    with step_bar("importing", len(episodes.action)) as advance:
        done = write_episodes(
            episodes,
            args.dataset,
            ImportOptions(args.goal_dims, args.action_bounds),
            f"Imported from {args.format}: {files}",
            advance,
        )
    seconds = time.perf_counter() - begin
    for note in done.notes:
        console.print(f"note: {note}")
    console.print(
        f"{args.dataset}: {done.episodes:,} episodes, {done.steps:,} steps in {seconds:.1f} s; "
        f"next: dfplan dataset show {args.dataset}"
    )
    record = {"dataset": args.dataset, "seconds": seconds, **dataclasses.asdict(done)}
    write_json(args.json, record)
    return 0
