"""Orbax checkpoints of a training run: averaged weights and training state, as separate items."""

import contextlib
import json
import re
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from dfplan.training.quiet_threads import quiet_threads
from dfplan.training.step import TrainState
from dfplan.types import PyTree, UserError, one_line
from dfplan.util import files
from dfplan.util.places import write_error

CONTENTS = "contents.json"
PLAIN_PATH = re.compile(r"[\w/ .,=+@~-]*")
"""Paths that Orbax does not interpret as a pattern or a cloud bucket."""


class CheckpointStore:
    """Checkpoints by step in one directory, which keeps the newest ones; a context manager.

    A checkpoint appears under its step once it is complete, with checksums of its files, so that a
    killed run leaves the last good one. Weights (the moving average, all that planning needs) and
    training state are separate items, so that evaluation reads only the weights.

    Args:
        directory: Directory of the checkpoints; created with the first one.
        keep: Number of checkpoints to keep.
    """

    def __init__(self, directory: Path, keep: int = 2):
        self.directory = Path(directory).absolute()
        self._keep = keep
        self._open: ocp.Checkpointer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def _orbax(self) -> ocp.Checkpointer:
        if self._open is None:
            self._open = ocp.Checkpointer(ocp.StandardCheckpointHandler())
        return self._open

    def steps(self) -> list[int]:
        """Return the steps of all checkpoints in ascending order."""
        if not self.directory.is_dir():
            return []
        return sorted(int(p.name) for p in self.directory.iterdir() if p.name.isdecimal())

    def latest(self) -> int | None:
        """Return the newest step, or None."""
        return max(self.steps(), default=None)

    def save(self, state: TrainState) -> None:
        """Write a checkpoint of `state` at its step, unless there is one already.

        Raises:
            UserError: If it cannot be written, such as on a full disk; the older ones are kept.
        """
        step = int(state.step)
        if step != self.latest():
            self._write(step, {"weights": state.ema, "training": state._replace(ema=None)})

    def save_weights(self, step: int, weights: PyTree) -> None:
        """Write a checkpoint of weights only: enough to plan, not to resume training.

        Raises:
            UserError: See `save`.
        """
        # NumPy arrays need fewer files, as Orbax records no devices for them.
        self._write(step, {"weights": jax.device_get(weights)})

    def check_resumable(self) -> None:
        """Check that training can resume from the newest checkpoint, or start from scratch.

        Raises:
            UserError: If the checkpoint holds only weights.
        """
        path = self.directory / str(self.latest())
        if (path / "weights").is_dir() and not (path / "training").is_dir():
            raise UserError(
                f"checkpoint {path} holds only weights, as in a packed run; "
                "resume training from the run that was packed"
            )

    def _write(self, step: int, items: dict[str, PyTree]) -> None:
        path = self.directory / str(step)
        with files.atomic_directory(path) as new:
            try:
                with quiet_threads(), _orbax_path(new) as folder:
                    for name, tree in items.items():
                        self._orbax.save(folder / name, args=ocp.args.StandardSave(tree))
            except Exception as error:  # Orbax and TensorStore raise many types of errors here
                raise write_error(path, error) from error
            # These contain this machine's paths, and Orbax needs them only where renames are
            # not atomic.
            for marker in new.rglob("commit_success.txt"):
                marker.unlink()
            _write_contents(new, items)
        self.remove_old()

    def remove_old(self) -> None:
        """Remove what killed processes left, and all but the newest checkpoints.

        Raises:
            UserError: If something cannot be removed.
        """
        if self.directory.is_dir():
            files.remove_leftovers(self.directory)
        for step in self.steps()[: -self._keep]:
            files.remove_directory(self.directory / str(step))

    def load_weights(self, like: PyTree) -> PyTree:
        """Return the newest weights, on this process's first device.

        Args:
            like: Tree of the same structure and shapes, of arrays or `ShapeDtypeStruct`.

        Raises:
            UserError: If there is no checkpoint, it is damaged, or its shapes differ.
        """
        return self._restore(weights=like)["weights"]

    def load_state(self, like: TrainState) -> TrainState:
        """Return the newest training state, including its weights.

        Args:
            like: State of the same structure and shapes.

        Raises:
            UserError: See `load_weights` and `check_resumable`.
        """
        self.check_resumable()
        item = self._restore(weights=like.ema, training=like._replace(ema=None))
        return TrainState(*item["training"])._replace(ema=item["weights"])

    def _restore(self, **like: PyTree):
        step = self.latest()
        if step is None:
            raise UserError(
                f"{self.directory} holds no checkpoint; train this run, or choose another"
            )
        path = self.directory / str(step)
        try:
            _check_contents(path, like)
            with quiet_threads(), _orbax_path(path) as folder:
                return {name: self._load(folder / name, tree) for name, tree in like.items()}
        except Exception as error:  # Orbax and TensorStore raise many types of errors here
            raise UserError(
                f"checkpoint {path} is damaged or belongs to another model "
                f"({one_line(error)}); delete it to fall back to an older one"
            ) from error

    def _load(self, path: Path, like: PyTree) -> PyTree:
        return self._orbax.restore(path, args=ocp.args.StandardRestore(_abstract(like)))

    def close(self) -> None:
        """Release Orbax's threads."""
        if self._open is not None:
            self._open.close()
            self._open = None


@contextlib.contextmanager
def _orbax_path(folder: Path) -> Iterator[Path]:
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


def _abstract(tree: PyTree) -> PyTree:
    # The saved sharding may name devices that this machine does not have.
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(jnp.shape(a), jnp.result_type(a), sharding=sharding), tree
    )


def _shapes(tree: PyTree) -> dict[str, list[int]]:
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path): list(jnp.shape(leaf)) for path, leaf in leaves}


def _write_contents(checkpoint: Path, items: dict[str, PyTree]) -> None:
    """Record the checksum of every file of a complete checkpoint, and the shapes of its arrays."""
    paths = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    record = {
        "files": {p.relative_to(checkpoint).as_posix(): zlib.crc32(p.read_bytes()) for p in paths},
        "shapes": {name: _shapes(tree) for name, tree in items.items()},
    }
    (checkpoint / CONTENTS).write_text(json.dumps(record))


def _check_contents(checkpoint: Path, like: dict[str, PyTree]) -> None:
    """Check some items before Orbax reads them, as its own failures flood the terminal.

    Raises:
        OSError: If a file is missing.
        ValueError: If a file has changed since it was written, or a shape differs from `like`.
    """
    record = json.loads((checkpoint / CONTENTS).read_text())
    for item, tree in like.items():
        saved = record["shapes"][item]
        expected = _shapes(tree)
        for name in sorted({*saved, *expected}):
            if saved.get(name) != expected.get(name):
                raise ValueError(
                    f"{item}{name}: shape {saved.get(name, 'none')}, "
                    f"but the model has {expected.get(name, 'none')}"
                )
    for name, crc in record["files"].items():
        if ".." in Path(name).parts:
            raise ValueError(f"{CONTENTS} names {name!r}, a file elsewhere")
        if name.partition("/")[0] in like and zlib.crc32((checkpoint / name).read_bytes()) != crc:
            raise ValueError(f"{name} has changed since it was written")
