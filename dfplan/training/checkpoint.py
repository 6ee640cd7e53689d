"""Orbax checkpoints of a training run: averaged weights and training state, as separate items."""

import json
import zlib
from pathlib import Path
from typing import Self

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from dfplan.training.step import TrainState
from dfplan.types import PyTree, UserError, one_line

CONTENTS = "contents.json"


class CheckpointStore:
    """Checkpoints by step in one directory, of which the newest are kept; a context manager.

    Orbax writes a checkpoint under a temporary name and renames it when it is complete, so a killed
    run leaves the last good one. Weights (the moving average, all that planning needs) and training
    state are separate items, so that evaluation reads only the weights.

    Args:
        directory: Directory of the checkpoints; created with the first one.
        keep: Number of checkpoints to keep.
    """

    def __init__(self, directory: Path, keep: int = 2):
        self.directory = Path(directory).absolute()
        self._keep = keep
        self._open: ocp.CheckpointManager | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def _manager(self) -> ocp.CheckpointManager:
        if self._open is None:
            options = ocp.CheckpointManagerOptions(
                max_to_keep=self._keep, enable_async_checkpointing=False
            )
            self._open = ocp.CheckpointManager(self.directory, options=options)
        return self._open

    def latest(self) -> int | None:
        """Return the newest step, or None."""
        return self._manager.latest_step() if self.directory.is_dir() else None

    def save(self, state: TrainState) -> None:
        """Write a checkpoint of `state` at its step, unless there is one already."""
        step = int(state.step)
        if step == self.latest():
            return
        items = {"weights": state.ema, "training": state._replace(ema=None)}
        self._write(step, items)
        _write_contents(self.directory / str(step), **items)

    def save_weights(self, step: int, weights: PyTree) -> None:
        """Write a checkpoint of weights only: enough to plan, not to resume training."""
        # NumPy arrays need fewer files, as Orbax records no devices for them.
        items = {"weights": jax.device_get(weights)}
        self._write(step, items)
        # These hold this machine's paths, and Orbax reads them only where renames are not atomic.
        for path in (self.directory / str(step)).rglob("commit_success.txt"):
            path.unlink()
        _write_contents(self.directory / str(step), **items)

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
        args = {name: ocp.args.StandardSave(tree) for name, tree in items.items()}
        self._manager.save(step, args=ocp.args.Composite(**args), force=True)

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
        items = {k: ocp.args.StandardRestore(_abstract(tree)) for k, tree in like.items()}
        try:
            _check_contents(path, **like)
            return self._manager.restore(step, args=ocp.args.Composite(**items))
        except Exception as error:  # Orbax and TensorStore raise many kinds of errors here
            raise UserError(
                f"checkpoint {path} is damaged or belongs to another model "
                f"({one_line(error)}); delete it to fall back to an older one"
            ) from error

    def close(self) -> None:
        """Release Orbax's threads."""
        if self._open is not None:
            self._open.close()
            self._open = None


def _abstract(tree: PyTree) -> PyTree:
    # The saved sharding may name devices that this machine does not have.
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(jnp.shape(a), jnp.result_type(a), sharding=sharding), tree
    )


def _shapes(tree: PyTree) -> dict[str, list[int]]:
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path): list(jnp.shape(leaf)) for path, leaf in leaves}


def _write_contents(checkpoint: Path, **items: PyTree) -> None:
    """Record the checksum of every file of a complete checkpoint, and the shapes of its arrays."""
    files = sorted(p for p in checkpoint.rglob("*") if p.is_file())
    record = {
        "files": {p.relative_to(checkpoint).as_posix(): zlib.crc32(p.read_bytes()) for p in files},
        "shapes": {name: _shapes(tree) for name, tree in items.items()},
    }
    temporary = checkpoint / f"{CONTENTS}.part"
    temporary.write_text(json.dumps(record))
    temporary.replace(checkpoint / CONTENTS)


def _check_contents(checkpoint: Path, **like: PyTree) -> None:
    """Check some items before Orbax reads them, as its own failures flood the terminal.

    Raises:
        OSError: If a file is missing.
        ValueError: If a file has changed since it was written, or a shape differs from `like`.
    """
    if not (checkpoint / CONTENTS).is_file():  # the run was killed before writing it
        return
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
