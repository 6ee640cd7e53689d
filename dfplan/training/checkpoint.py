"""Orbax checkpoints of a training run: the averaged weights apart from the training state."""

import json
import zlib
from pathlib import Path

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from dfplan.training.step import TrainState
from dfplan.types import PyTree, UserError, one_line

CONTENTS = "contents.json"


class CheckpointStore:
    """Checkpoints by step under one directory; the newest `keep` stay.

    Orbax writes a checkpoint under another name and renames it when it is whole, so a killed run
    leaves the last good one. Weights (the moving average, all that planning needs) and training
    state are separate items, so that evaluation reads the first alone.

    Args:
        directory: made when the first checkpoint is written.
        keep: checkpoints to keep.
    """

    def __init__(self, directory: Path, keep: int = 2):
        self.directory = Path(directory).absolute()
        self._keep = keep
        self._open: ocp.CheckpointManager | None = None

    @property
    def _manager(self) -> ocp.CheckpointManager:
        if self._open is None:
            options = ocp.CheckpointManagerOptions(
                max_to_keep=self._keep, enable_async_checkpointing=False
            )
            self._open = ocp.CheckpointManager(self.directory, options=options)
        return self._open

    def latest(self) -> int | None:
        """The newest step, or None."""
        return self._manager.latest_step() if self.directory.is_dir() else None

    def save(self, state: TrainState) -> None:
        """Write a checkpoint of `state` at its own step; one that exists there is kept."""
        step = int(state.step)
        if step == self.latest():
            return
        items = {"weights": state.ema, "training": state._replace(ema=None)}
        self._write(step, items)
        _write_contents(self.directory / str(step), **items)

    def save_weights(self, step: int, weights: PyTree) -> None:
        """Write a checkpoint of weights alone: enough to plan, not to go on training."""
        # As NumPy arrays they need fewer files: Orbax notes no devices.
        items = {"weights": jax.device_get(weights)}
        self._write(step, items)
        # They name this machine's paths, and Orbax reads them only where a rename is not atomic.
        for note in (self.directory / str(step)).rglob("commit_success.txt"):
            note.unlink()
        _write_contents(self.directory / str(step), **items)

    def check_resumable(self) -> None:
        """Check that training can go on from the newest checkpoint, or from the start.

        Raises:
            UserError: when it holds weights alone.
        """
        path = self.directory / str(self.latest())
        if (path / "weights").is_dir() and not (path / "training").is_dir():
            raise UserError(
                f"checkpoint {path} holds weights alone, as of a packed run; "
                "training goes on only from the run that was packed"
            )

    def _write(self, step: int, items: dict[str, PyTree]) -> None:
        args = {name: ocp.args.StandardSave(tree) for name, tree in items.items()}
        self._manager.save(step, args=ocp.args.Composite(**args), force=True)

    def load_weights(self, like: PyTree) -> PyTree:
        """The newest weights, on this process's first device.

        Args:
            like: a tree of the same structure and shapes, of arrays or `ShapeDtypeStruct`.

        Raises:
            UserError: when there is no checkpoint, it is damaged, or its shapes differ.
        """
        return self._restore(weights=like)["weights"]

    def load_state(self, like: TrainState) -> TrainState:
        """The newest training state, with its weights.

        Raises:
            UserError: as `load_weights`, and as `check_resumable`.
        """
        self.check_resumable()
        item = self._restore(weights=like.ema, training=like._replace(ema=None))
        return TrainState(*item["training"])._replace(ema=item["weights"])

    def _restore(self, **like: PyTree):
        step = self.latest()
        if step is None:
            raise UserError(f"{self.directory} holds no checkpoint; train the run, or name another")
        path = self.directory / str(step)
        items = {k: ocp.args.StandardRestore(_abstract(tree)) for k, tree in like.items()}
        try:
            _check_contents(path, **like)
            return self._manager.restore(step, args=ocp.args.Composite(**items))
        except Exception as error:  # Orbax and TensorStore raise many kinds for a damaged one
            raise UserError(
                f"checkpoint {path} is damaged or of another model "
                f"({one_line(error)}); delete it to fall back on an older one"
            ) from error

    def close(self) -> None:
        """Release Orbax's threads."""
        if self._open is not None:
            self._open.close()
            self._open = None


def _abstract(tree: PyTree) -> PyTree:
    # The saved sharding may name devices that this machine does not have.
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(jnp.shape(a), jnp.result_type(a), sharding=here), tree
    )


def _shapes(tree: PyTree) -> dict[str, list[int]]:
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path): list(jnp.shape(leaf)) for path, leaf in leaves}


def _write_contents(checkpoint: Path, **items: PyTree) -> None:
    """Note the checksum of every file of a whole checkpoint, and the shapes that it holds."""
    files = sorted(p for p in checkpoint.rglob("*") if p.is_file())
    record = {
        "files": {p.relative_to(checkpoint).as_posix(): zlib.crc32(p.read_bytes()) for p in files},
        "shapes": {name: _shapes(tree) for name, tree in items.items()},
    }
    part = checkpoint / f"{CONTENTS}.part"
    part.write_text(json.dumps(record))
    part.replace(checkpoint / CONTENTS)


def _check_contents(checkpoint: Path, **like: PyTree) -> None:
    """Check some items before Orbax reads them: where it fails, it fills the terminal.

    Raises:
        OSError: when a file is missing.
        ValueError: when one is not what was written, or a shape is not as in `like`.
    """
    if not (checkpoint / CONTENTS).is_file():  # the run was killed before it was written
        return
    record = json.loads((checkpoint / CONTENTS).read_text())
    for item, tree in like.items():
        found, needed = record["shapes"][item], _shapes(tree)
        for name in sorted({*found, *needed}):
            if found.get(name) != needed.get(name):
                here, there = (shapes.get(name, "none") for shapes in (found, needed))
                raise ValueError(f"{item}{name}: shape {here}, the model has {there}")
    for name, crc in record["files"].items():
        if name.partition("/")[0] in like and zlib.crc32((checkpoint / name).read_bytes()) != crc:
            raise ValueError(f"{name} is not as it was written")
