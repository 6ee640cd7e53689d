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
    Integers,
    Text,
    check_at_least,
    check_outputs,
    console,
    parse,
    quoted,
    write_json,
)
from dfplan.cli.progress_bar import step_bar
from dfplan.data.importers.columns import Columns
from dfplan.data.importers.formats import IMPORTERS, check_paths, describe_formats, read_files
from dfplan.data.importers.recognize import recognize
from dfplan.data.importers.write import ImportOptions, write_episodes
from dfplan.data.store.write import check_new_dataset_id
from dfplan.types import UserError
from dfplan.util.printable import counted

Files = Annotated[
    tuple[str, ...],
    tyro.conf.Positional,
    tyro.conf.arg(
        metavar="[FORMAT] PATH ...",
        help_behavior_hint="",
        help="Files or folders, concatenated in this order. Without FORMAT, their format is "
        f"recognized. FORMAT is one of: {describe_formats()}.",
    ),
]
Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...", help_behavior_hint="")]
Bounds = Annotated[
    tuple[float, float] | None, tyro.conf.arg(metavar="LOW HIGH", help_behavior_hint="")
]


@dataclasses.dataclass(frozen=True)
class Args:
    """Convert files of another toolkit to a dataset in the local Minari directory.

    Columns are named as in the file: --observations infos/qpos infos/qvel concatenates two of them.
    If a file has goals, observations become a Dict with observation, achieved_goal and
    desired_goal. If not, name the goal's state dimensions with `dfplan train --goal-dims`.

    Attributes:
        files: Files or folders, after the name of their format.
        dataset: Minari id to write; must not exist yet. (required)
        observations: Columns that form the observation; the format's own by default.
        actions: Columns that form the action; the format's own by default.
        rewards: Column of the rewards; the format's own by default, "none" for zeros.
        goal: Column of the goals; the format's own by default, "none" to leave them out.
        split: Subset of the episodes that the file defines, such as "train" (robomimic, lerobot).
        goal_dims: Dimensions of the observation that form the goal; the first ones by default.
        action_bounds: Lowest and highest action of the environment; unbounded by default.
        episode_steps: Rows per episode, for files that do not mark where episodes end.
        json: Also write a summary of the import to this file.
    """

    files: Files = ()
    dataset: Text = None
    observations: Names = ()
    actions: Names = ()
    rewards: Text = None
    goal: Text = None
    split: Text = None
    goal_dims: Integers = ()
    action_bounds: Bounds = None
    episode_steps: Integer = None
    json: File = None


def main(argv: Sequence[str]) -> int:
    """Import files."""
    args = parse(Args, "import", argv)
    format, paths = _format_and_paths(args.files)
    if args.dataset is None:
        raise UserError("--dataset is missing: the Minari id to write, such as my/name-v0")
    check_at_least(2, episode_steps=args.episode_steps)
    check_new_dataset_id(args.dataset)
    check_outputs(args.json)
    start_time = time.perf_counter()
    columns = Columns(
        args.observations, args.actions, args.rewards, goal=args.goal, split=args.split
    )
    episodes = read_files(format, paths, columns, limit=args.episode_steps)
    files = ", ".join(path.name for path in paths)
    with step_bar("importing", len(episodes.action)) as advance:
        summary = write_episodes(
            episodes,
            args.dataset,
            ImportOptions(args.goal_dims, args.action_bounds),
            description=f"Imported from {format}: {files}",
            progress=advance,
        )
    seconds = time.perf_counter() - start_time
    for note in summary.notes:
        console.print(f"note: {note}")
    console.print(
        f"{args.dataset}: {counted(summary.episodes, 'episode')}, {summary.steps:,} steps in "
        f"{seconds:.1f} s; next: {quoted('dataset', 'show', args.dataset)}"
    )
    record = {
        "dataset": args.dataset,
        "format": format,
        "seconds": seconds,
        **dataclasses.asdict(summary),
    }
    write_json(args.json, record)
    return 0


def _format_and_paths(files: Sequence[str]) -> tuple[str, tuple[Path, ...]]:
    """Return the format of files, named before them or recognized, and their paths.

    Raises:
        UserError: If no file is named, the format is unknown or cannot be recognized, or a file
            does not exist.
    """
    names = IMPORTERS.names()
    if not files or (len(files) == 1 and files[0] in names):
        raise UserError("name a file to import")
    if files[0] in names:
        return files[0], tuple(map(Path, files[1:]))
    paths = tuple(map(Path, files))
    if not paths[0].exists():
        raise UserError(f"{files[0]!r} is neither a format nor a file; valid: {', '.join(names)}")
    check_paths(paths)
    format = recognize(paths)
    console.print(f"format: {format}")
    return format, paths
