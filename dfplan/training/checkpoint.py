"""Orbax checkpoints of a training run: averaged weights and training state, as separate items."""

import concurrent.futures
import contextlib
import functools
from pathlib import Path
from typing import Any, NamedTuple, Self

import jax
import orbax.checkpoint as ocp

from dfplan.training.checkpoint_contents import array_shapes, check_contents, write_contents
from dfplan.training.orbax_io import Processes, alone, literal_path, make_loader, make_saver, placed
from dfplan.training.quiet_threads import quiet_threads
from dfplan.training.step import TrainState
from dfplan.types import PyTree, UserError, one_line
from dfplan.util import files
from dfplan.util.places import write_error
from dfplan.util.processes import from_leader, is_leader

ITEMS = ("weights", "training")
ORBAX = "orbax"
"""Folder that Orbax writes, in the hidden directory that becomes a checkpoint."""


class CheckpointStore:
    """Checkpoints by step in one directory, which keeps the newest ones; a context manager.

    A checkpoint appears under its step once it is complete, with checksums of its files, so that a
    killed run leaves the last good one. Weights (the moving average, all that planning needs) and
    training state are separate items, so that evaluation reads only the weights.

    Threads write a checkpoint while training continues. Of several processes, each writes its
    shards, and process 0 completes the checkpoint.

    Args:
        directory: Directory of the checkpoints; created with the first one.
        keep: Number of checkpoints to keep.
        keep_period: Checkpoints of steps that are multiples of this are kept, too; 0 for none.
    """

    def __init__(self, directory: Path, keep: int = 2, keep_period: int = 0):
        self.directory = Path(directory).absolute()
        self._keep = keep
        self._keep_period = keep_period
        self._pending: _Pending | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        # After a failure, the other processes may have ended and would be waited for in vain.
        if kind is None or jax.process_count() == 1:
            self.close()

    def steps(self) -> list[int]:
        """Return the steps of all checkpoints in ascending order."""
        if not self.directory.is_dir():
            return []
        return sorted(int(p.name) for p in self.directory.iterdir() if p.name.isdecimal())

    def latest(self) -> int | None:
        """Return the newest step, or None."""
        return max(self.steps(), default=None)

    def save(self, state: TrainState) -> None:
        """Begin to write a checkpoint of `state` at its step, unless there is one already.

        Returns as soon as the state has been copied, so that it may be donated.

        Raises:
            UserError: If this or the previous checkpoint cannot be written, such as on a full disk;
                the older ones are kept.
        """
        self.wait()
        step = int(state.step)
        items = {"weights": state.ema, "training": state._replace(ema=None)}
        with contextlib.ExitStack() as staging:
            new = from_leader(lambda: self._stage(step, staging))
            if new:
                self._begin(self._saver, step, items, new=Path(new), staging=staging.pop_all())

    def save_weights(self, step: int, weights: PyTree) -> None:
        """Write a checkpoint of weights only: enough to plan, not to resume training.

        Raises:
            UserError: See `save`.
        """
        self._save_alone(step, {"weights": weights})

    def save_initial(self, state: TrainState) -> None:
        """Write a checkpoint of a state that this process holds, without the other processes.

        Raises:
            UserError: See `save`.
        """
        items = {"weights": state.ema, "training": state._replace(ema=None)}
        self._save_alone(int(state.step), items)

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

    def _save_alone(self, step: int, items: dict[str, PyTree]) -> None:
        with contextlib.ExitStack() as staging:
            new = self._stage(step, staging)
            # NumPy arrays need fewer files, as Orbax records no devices for them.
            items = jax.device_get(items)
            if new:
                self._begin(self._lone_saver, step, items, new=Path(new), staging=staging.pop_all())
        self.wait()

    def _stage(self, step: int, staging: contextlib.ExitStack) -> str:
        """Return a new hidden directory for a checkpoint; "" if there is one of this step."""
        if step == self.latest():
            return ""
        path = self.directory / str(step)
        return str(staging.enter_context(files.atomic_directory(path)))

    def _begin(
        self,
        saver: ocp.AsyncCheckpointer,
        step: int,
        items: dict[str, PyTree],
        new: Path,
        staging: contextlib.ExitStack,
    ) -> None:
        """Begin to write items into a directory that becomes a checkpoint with `staging`'s end."""
        path = self.directory / str(step)
        shapes = {name: array_shapes(tree) for name, tree in items.items()}
        args = {name: ocp.args.StandardSave(tree) for name, tree in items.items()}
        with contextlib.ExitStack() as scope, staging:
            scope.enter_context(quiet_threads())
            folder = scope.enter_context(literal_path(new))
            try:
                saver.save(folder / ORBAX, args=ocp.args.Composite(**args))
            except Exception as error:  # Orbax and TensorStore raise many types of errors here
                raise write_error(path, error) from error
            done = self._thread.submit(self._commit, saver, new, shapes, staging.pop_all())
            self._pending = _Pending(path, done, scope.pop_all())

    def _commit(
        self,
        saver: ocp.AsyncCheckpointer,
        new: Path,
        shapes: dict[str, Any],
        staging: contextlib.ExitStack,
    ) -> None:
        """Complete a checkpoint once Orbax has written all of it; process 0 does so for all."""
        with staging:
            saver.wait_until_finished()
            if is_leader():
                _complete(new, shapes)
        if is_leader():
            self.remove_old()

    def wait(self) -> None:
        """Wait until the checkpoint that was begun last is complete.

        Raises:
            UserError: If it cannot be written; the older ones are kept.
        """
        pending = self._pending
        self._pending = None
        if pending is None:
            return
        with pending.scope:
            try:
                pending.done.result()
            except UserError:
                raise
            except Exception as error:  # Orbax and TensorStore raise many types of errors here
                raise write_error(pending.path, error) from error

    def remove_old(self) -> None:
        """Remove what killed processes left, and all but the checkpoints to keep.

        Raises:
            UserError: If something cannot be removed.
        """
        if self.directory.is_dir():
            files.remove_leftovers(self.directory)
        for step in self.steps()[: -self._keep]:
            if not self._keep_period or step % self._keep_period:
                files.remove_directory(self.directory / str(step))

    def load_weights(self, like: PyTree) -> PyTree:
        """Return the newest weights, on this process's first device.

        Args:
            like: Tree of the same structure and shapes, of arrays or `ShapeDtypeStruct`.

        Raises:
            UserError: If there is no checkpoint, it is damaged, or its shapes differ.
        """
        return self._restore(alone(), weights=like)["weights"]

    def load_state(self, like: TrainState) -> TrainState:
        """Return the newest training state, including its weights; all processes call this.

        Args:
            like: State of the same structure and shapes. A `ShapeDtypeStruct` with a sharding is
                loaded with it, whatever devices the state was saved from; any other array onto this
                process's first device.

        Raises:
            UserError: See `load_weights` and `check_resumable`.
        """
        self.check_resumable()
        item = self._restore(Processes(), weights=like.ema, training=like._replace(ema=None))
        return TrainState(*item["training"])._replace(ema=item["weights"])

    def _restore(self, processes: Processes, **like: PyTree):
        self.wait()
        step = self.latest()
        if step is None:
            raise UserError(
                f"{self.directory} holds no checkpoint; train this run, or choose another"
            )
        path = self.directory / str(step)
        try:
            check_contents(path, like)
            with quiet_threads(), literal_path(path) as folder, make_loader(processes) as loader:
                return {
                    name: loader.restore(folder / name, args=ocp.args.StandardRestore(placed(tree)))
                    for name, tree in like.items()
                }
        except Exception as error:  # Orbax and TensorStore raise many types of errors here
            raise UserError(
                f"checkpoint {path} is damaged or belongs to another model "
                f"({one_line(error)}); delete it to fall back to an older one"
            ) from error

    @functools.cached_property
    def _saver(self) -> ocp.AsyncCheckpointer:
        return self._open.enter_context(make_saver(Processes(), ITEMS))

    @functools.cached_property
    def _lone_saver(self) -> ocp.AsyncCheckpointer:
        return self._open.enter_context(make_saver(alone(), ITEMS))

    @functools.cached_property
    def _thread(self) -> concurrent.futures.Executor:
        return self._open.enter_context(concurrent.futures.ThreadPoolExecutor(1))

    def close(self) -> None:
        """Wait for what is being written, and release Orbax's threads.

        Raises:
            UserError: See `wait`.
        """
        try:
            self.wait()
        finally:
            self._open.close()
            self._open = contextlib.ExitStack()
            for name in ("_saver", "_lone_saver", "_thread"):
                self.__dict__.pop(name, None)


class _Pending(NamedTuple):
    """A checkpoint that is being written.

    Attributes:
        path: Its final directory.
        done: Result of the thread that completes it.
        scope: Contexts that must last until then.
    """

    path: Path
    done: concurrent.futures.Future[None]
    scope: contextlib.ExitStack


def _complete(new: Path, shapes: dict[str, Any]) -> None:
    """Move what Orbax has written to its place in a checkpoint, and record its contents."""
    for path in (new / ORBAX).iterdir():
        path.replace(new / path.name)
    (new / ORBAX).rmdir()
    # These contain this machine's paths, and Orbax needs them only where renames are not atomic.
    for marker in new.rglob("commit_success.txt"):
        marker.unlink()
    write_contents(new, shapes)
