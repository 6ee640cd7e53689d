"""What `dfplan dataset show` prints about a directory of shards."""

from pathlib import Path
from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.cli.table import PlainTable
from dfplan.data.shards.read import ShardedTrajectories

GIGABYTE = 1e9


def show_shards(directory: Path) -> dict[str, Any]:
    """Print the contents of shards, from their statistics, and return them.

    Raises:
        UserError: If the shards are damaged.
    """
    data = ShardedTrajectories(directory)
    layout = data.layout
    facts = {
        "shards": f"{len(data.manifest.rows):,} of dataset {data.manifest.dataset_id}",
        "episodes": f"{len(data.length):,}",
        "rows": f"{len(data.state):,}, {data.data_bytes / GIGABYTE:,.2f} GB",
        "state": f"{layout.state_dim} numbers; goal: dimensions {_listed(layout.goal_dims)}",
        "fingerprint": data.fingerprint[:12],
    }
    for name, value in facts.items():
        console.print(f"{name:<14}{value}")
    dimensions = _dimensions(data)
    table = PlainTable("dimension", "min", "mean", "std", "max")
    for name, values in dimensions.items():
        table.add_row(name, *(f"{values[key]:.4g}" for key in ("min", "mean", "std", "max")))
    console.print(table)
    return {**facts, "dimensions": dimensions}


def _dimensions(data: ShardedTrajectories) -> dict[str, dict[str, float]]:
    """Return the range, mean and standard deviation of each dimension, as the dataset has it."""
    origin = np.array(data.layout.origin or np.zeros(data.layout.state_dim))
    parts = (("state", data.state_columns, origin), ("action", data.action_columns, 0.0))
    names = ("min", "mean", "std", "max")
    dimensions = {}
    for name, columns, offset in parts:
        rows = zip(
            columns.low + offset,
            columns.mean + offset,
            columns.spread.std,
            columns.high + offset,
            strict=True,
        )
        for i, values in enumerate(rows):
            numbers = map(float, values)
            dimensions[f"{name} {i}"] = dict(zip(names, numbers, strict=True))
    return dimensions


def _listed(dims: tuple[int, ...]) -> str:
    return ", ".join(map(str, dims)) or "none"
