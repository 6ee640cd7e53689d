"""`dfplan dataset`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from dfplan.cli.common import (
    File,
    Folder,
    Integer,
    Integers,
    Numbers,
    check_at_least,
    check_outputs,
    check_png,
    console,
    leading_argument,
    parse,
    write_json,
)
from dfplan.cli.progress_bar import detail_bar, step_bar
from dfplan.cli.show_shards import show_shards
from dfplan.cli.table import PlainTable
from dfplan.data.goal_intervals import window_tokens
from dfplan.data.minari_io import open_dataset
from dfplan.data.profile.findings import findings
from dfplan.data.profile.measure import measure
from dfplan.data.profile.profile import Dimension, Profile, summary
from dfplan.data.profile.sample import take_sample
from dfplan.data.shards.layout import Choices, is_shards
from dfplan.data.shards.write import DEFAULT_SHARDS, write_shards
from dfplan.data.store.listing import list_datasets
from dfplan.plots.dataset import draw_dataset
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError, check_choice
from dfplan.util.threads import cores

COMMANDS = ("show", "list", "shard")
COLUMNS = ("dimension", "min", "mean", "std", "max", "at limits", "NaN", "outliers")
EMPTY = "-"

DatasetId = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ID", help_behavior_hint="")]


@dataclasses.dataclass(frozen=True)
class Show:
    """Show the contents of a dataset, how dfplan reads it, and problems that would hurt training.

    Attributes:
        dataset: Minari id; or a directory of shards, of which the statistics are shown.
        goal_dims: State dimensions that form the goal, as for `dfplan train`.
        stride: Control steps per token, as for `dfplan train --data.stride`.
        json: Also write these facts to this file.
        plot: Draw some trajectories and a histogram of each dimension to this PNG file.
    """

    dataset: DatasetId
    goal_dims: Integers = ()
    stride: int = 1
    json: File = None
    plot: File = None


@dataclasses.dataclass(frozen=True)
class List:
    """List the datasets in the local Minari directory.

    Attributes:
        json: Also write the list to this file.
    """

    json: File = None


@dataclasses.dataclass(frozen=True)
class Shard:
    """Write a dataset as shards that training can stream from disk (dfplan train --dataset DIR).

    An interrupted command continues where it ended. Existing shards are checked, and damaged ones
    are written again.

    Attributes:
        dataset: Minari id.
        out: Directory of the shards. (required)
        shards: Number of shards.
        workers: Largest number of processes; one per core by default.
        goal_dims: State dimensions that form the goal, as for `dfplan train`.
        goal_from: Observation dimensions that hold the desired goal, as for `dfplan train`.
        goal_value: Constant desired goal, as for `dfplan train`.
    """

    dataset: DatasetId
    out: Folder = None
    shards: int = DEFAULT_SHARDS
    workers: Integer = None
    goal_dims: Integers = ()
    goal_from: Integers = ()
    goal_value: Numbers = ()


Args = (
    Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Shard, tyro.conf.subcommand("shard")]
)


def main(argv: Sequence[str]) -> int:
    """Show a dataset, list the local ones, or write one as shards."""
    command = leading_argument(argv)
    if command:
        check_choice("command of dfplan dataset", command, COMMANDS)
    args: Any = parse(Args, "dataset", argv)  # pyright: ignore[reportArgumentType]
    if isinstance(args, Shard):
        return _shard(args)
    check_outputs(args.json)
    return _list(args) if isinstance(args, List) else _show(args)


def _list(args: List) -> int:
    records = [dataclasses.asdict(listing) for listing in list_datasets()]
    write_json(args.json, records)
    if not records:
        console.print("no local datasets; create one with dfplan collect or dfplan import")
        return 0
    table = PlainTable("dataset", "episodes", "steps", "problem")
    for record in records:
        counts = [
            f"{record[name]:,}" if record[name] is not None else EMPTY
            for name in ("episodes", "steps")
        ]
        table.add_row(record["dataset"], *counts, record["problem"])
    console.print(table)
    return 0


def _shard(args: Shard) -> int:
    if args.out is None:
        raise UserError("--out is missing: the directory of the shards")
    check_at_least(1, shards=args.shards, workers=args.workers)
    choices = Choices(
        goal_dims=args.goal_dims or None,
        goal_from=args.goal_from,
        goal_value=args.goal_value,
    )
    dataset = open_dataset(args.dataset)
    rows = dataset.total_steps + dataset.total_episodes
    with detail_bar("shards", max(rows, 1)) as advance:
        manifest = write_shards(
            args.dataset,
            args.out,
            shards=args.shards,
            choices=choices,
            workers=args.workers or cores(),
            progress=lambda what, rows: advance(rows, what),
        )
    console.print(
        f"{args.out}: {sum(manifest.rows):,} rows in {len(manifest.rows):,} shards, fingerprint "
        f"{manifest.fingerprint[:12]}; next: dfplan train TASK --dataset {args.out} "
        "--data.source stream --out RUN"
    )
    return 0


def _show(args: Show) -> int:
    check_at_least(1, stride=args.stride)
    check_png("--plot", args.plot)
    check_outputs(args.plot)
    if is_shards(args.dataset):
        return _show_shards(args)
    total = int(open_dataset(args.dataset).total_steps)
    with step_bar("reading", max(total, 1)) as advance:
        profile = measure(args.dataset, args.goal_dims or None, advance)
    warnings = findings(profile, args.stride)
    for name, value in _facts(profile, args.stride).items():
        console.print(f"{name:<14}{value}")
    if profile.layout:
        console.print(_dimensions(profile))
    for warning in warnings:
        console.print(f"warning: {warning}")
    if not warnings:
        console.print("no problems found")
    write_json(args.json, {**profile.to_dict(), "stride": args.stride, "warnings": warnings})
    if args.json:
        console.print(f"wrote {args.json}")
    if args.plot and profile.layout:
        draw_dataset(args.plot, profile, take_sample(args.dataset, profile.layout))
        console.print(f"wrote {args.plot}")
    return 0


def _show_shards(args: Show) -> int:
    if args.plot or args.goal_dims:
        raise UserError(
            f"{args.dataset} is a directory of shards; --plot and --goal-dims need the id of the "
            "dataset"
        )
    write_json(args.json, show_shards(Path(args.dataset)))
    return 0


def _facts(profile: Profile, stride: int) -> dict[str, str]:
    ends = ", ".join(f"{n:,} {name}" for name, n in profile.ends.items() if n)
    facts = {
        "dataset": profile.dataset_id,
        "episodes": f"{len(profile.length):,}" + (f": {ends}" if ends else ""),
        "steps": f"{profile.steps:,}; {_range(profile.length)} per episode",
        "observations": profile.spaces["observation"],
        "actions": profile.spaces["action"],
    }
    if profile.layout is None:
        return facts
    facts["returns"] = _range(profile.returns)
    facts["state"] = f"{profile.layout.state_dim} numbers; {_goal(profile, profile.layout)}"
    if profile.layout.origin:
        facts["origin"] = _origin(profile)
    facts["tokens"] = _tokens(profile, profile.layout, stride)
    return facts


def _goal(profile: Profile, layout: Layout) -> str:
    if not layout.goal_dim:
        return "no goal (--goal-dims sets the dimensions that form it)"
    dimensions = f"goal: dimensions {', '.join(map(str, layout.goal_dims))}"
    if not len(profile.goal_intervals):
        return dimensions
    intervals = f"{len(profile.goal_intervals):,} intervals between goals"
    return f"{dimensions}; {intervals}, {_range(profile.goal_intervals)} steps"


def _origin(profile: Profile) -> str:
    assert profile.layout is not None
    offsets = zip(profile.state, profile.layout.origin, strict=True)
    parts = [f"{dimension.name} {offset:,.12g}" for dimension, offset in offsets if offset]
    return f"{', '.join(parts)}; subtracted in float64, as float32 is too coarse for them"


def _tokens(profile: Profile, layout: Layout, stride: int) -> str:
    config = DataConfig(stride=stride)
    size = TokenLayout.create(layout, config).features
    text = f"{size} numbers each at stride {stride}; windows of {config.tokens}"
    if len(profile.goal_intervals):
        tokens = window_tokens(profile.goal_intervals, stride)
        text += f" (with --data.tokens 0: {tokens}, from the intervals between goals)"
    return text


def _range(values: Any) -> str:
    numbers = summary(values)
    if numbers is None:
        return "none"
    low, median, high = (f"{numbers[name]:,.6g}" for name in ("min", "median", "max"))
    return f"{low} to {high}, median {median}"


def _dimensions(profile: Profile) -> PlainTable:
    """Return a row per dimension, without the columns that would be empty."""
    dimensions = (*profile.state, *profile.action, *profile.goal, *profile.reward)
    rows = [(dimension.name, *_cells(dimension)) for dimension in dimensions]
    shown = [i for i, column in enumerate(zip(*rows, strict=True)) if set(column) != {EMPTY}]
    table = PlainTable(*(COLUMNS[i] for i in shown))
    for row in rows:
        table.add_row(*(row[i] for i in shown))
    return table


def _cells(dimension: Dimension) -> list[str]:
    values = (dimension.low, dimension.mean, dimension.std, dimension.high)
    numbers = [f"{value:.4g}" for value in values]
    shares = (dimension.at_ends, dimension.missing)
    percentages = [f"{share:.1%}" if share else EMPTY for share in shares]
    outliers = f"{dimension.outlier_steps:,}" if dimension.outlier_steps else EMPTY
    return [*numbers, *percentages, outliers]
