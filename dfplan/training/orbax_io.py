"""Orbax, as checkpoints use it: which processes take part, its paths, and where arrays go."""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from dfplan.types import PyTree

Processes = ocp.options.MultiprocessingOptions
"""The processes that take part in writing or reading a checkpoint; all of them by default."""

PLAIN_PATH = re.compile(r"[\w/ .,=+@~-]*")
"""Paths that Orbax does not interpret as a pattern or a cloud bucket."""


def alone() -> Processes:
    """Return this process only: it neither waits for others nor is waited for."""
    process = jax.process_index()
    return Processes(
        primary_host=process, active_processes={process}, barrier_sync_key_prefix=f"{process}"
    )


def _handler(processes: Processes) -> ocp.StandardCheckpointHandler:
    return ocp.StandardCheckpointHandler(multiprocessing_options=processes)


def make_saver(processes: Processes, items: Sequence[str]) -> ocp.AsyncCheckpointer:
    """Return a writer of checkpoints of these items, which writes in threads."""
    handler = ocp.CompositeCheckpointHandler(
        composite_options=ocp.CompositeOptions(multiprocessing_options=processes),
        **{name: _handler(processes) for name in items},  # pyright: ignore[reportArgumentType]
    )
    return ocp.AsyncCheckpointer(handler, multiprocessing_options=processes)


def make_loader(processes: Processes) -> ocp.Checkpointer:
    """Return a reader of single items."""
    return ocp.Checkpointer(_handler(processes), multiprocessing_options=processes)


@contextlib.contextmanager
def literal_path(folder: Path) -> Iterator[Path]:
    """Yield a path of the folder that Orbax reads literally; if necessary, a temporary link.

    Orbax interprets square brackets as patterns, a backslash as a slash and "gs:" as a cloud.
    """
    if PLAIN_PATH.fullmatch(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory() as directory:
        link = Path(directory) / "link"
        link.symlink_to(folder)
        yield link


def placed(tree: PyTree) -> PyTree:
    """Return the shapes of a tree with the shardings that it has, or else the first device."""
    # The saved sharding may name devices that this machine does not have.
    first_device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

    def abstract(leaf: Any) -> jax.ShapeDtypeStruct:
        sharding = leaf.sharding if isinstance(leaf, jax.ShapeDtypeStruct) else None
        return jax.ShapeDtypeStruct(
            jnp.shape(leaf), jnp.result_type(leaf), sharding=sharding or first_device
        )

    return jax.tree.map(abstract, tree)
