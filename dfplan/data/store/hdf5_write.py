"""Write Minari's HDF5 files with few library calls per episode.

Arrays are stored without chunks, and small ones inside their headers. Both writing and reading are
many times faster than with the resizable arrays that Minari itself writes.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5p, h5s, h5t  # pyright: ignore[reportAttributeAccessIssue]

from dfplan.data.store.hdf5_read import DATA_FILE
from dfplan.data.store.output_file import OutputFile
from dfplan.types import UserError
from dfplan.util.interrupts import deferred_interrupts

FORMAT_VERSION = "v110"
"""Readable by HDF5 1.10 (2016) and later; its headers have checksums."""
MAX_COMPACT = 32_768
"""Bytes of an array that is stored in its header, which holds at most 64 KiB."""


class EpisodeWriter:
    """Writer of one file of episodes.

    Attributes:
        episodes: Number of episodes written.
        steps: Number of steps written.
    """

    def __init__(self, file: h5py.File, output: OutputFile):
        self._file = file.id
        self._output = output
        self._spaces: dict[tuple[int, ...], Any] = {(): h5s.create(h5s.SCALAR)}
        self._types: dict[np.dtype, Any] = {}
        self._group = _without_times(h5p.GROUP_CREATE)
        self._compact = _without_times(h5p.DATASET_CREATE)
        self._compact.set_layout(h5d.COMPACT)
        self._contiguous = _without_times(h5p.DATASET_CREATE)
        self.episodes = 0
        self.steps = 0

    def add(self, episode: Any) -> None:
        """Write an episode; an episode without steps is skipped.

        Args:
            episode: `minari.data_collector.EpisodeBuffer`, or an object with the same attributes.
                Its observations, actions and infos are arrays, lists, or dicts of those; infos are
                optional and, like observations, have one row more than actions.

        Raises:
            UserError: If an array does not hold numbers, or the lengths differ.
            OSError: If the file cannot be written.
        """
        steps = len(episode.rewards)
        if steps:
            with _uninterrupted():
                self._add_episode(episode, steps)
        self._output.check()

    def _add_episode(self, episode: Any, steps: int) -> None:
        group = h5g.create(self._file, b"episode_%d" % self.episodes, gcpl=self._group)
        self._attribute(group, b"id", self.episodes)
        self._attribute(group, b"total_steps", steps)
        if episode.seed is not None:
            self._attribute(group, b"seed", episode.seed)
        self._add(group, "observations", episode.observations, rows=steps + 1)
        self._add(group, "actions", episode.actions, rows=steps)
        if getattr(episode, "infos", None):
            self._add(group, "infos", episode.infos, rows=steps + 1)
        for name in ("rewards", "terminations", "truncations"):
            self._add(group, name, np.asarray(getattr(episode, name)).reshape(steps), rows=steps)
        self.episodes += 1
        self.steps += steps

    def _add(self, parent: Any, name: str, value: Any, rows: int) -> None:
        if isinstance(value, dict):
            group = h5g.create(parent, name.encode(), gcpl=self._group)
            for key, inner in value.items():
                self._add(group, str(key), inner, rows=rows)
            return
        array = np.ascontiguousarray(value)
        if array.dtype.kind not in "biuf" or array.shape[:1] != (rows,):
            raise UserError(
                f"episode {self.episodes}: {name} are {array.dtype} of shape {array.shape}; "
                f"needed: {rows} rows of numbers"
            )
        kind, space = self._describe(array)
        layout = self._compact if array.nbytes <= MAX_COMPACT else self._contiguous
        dataset = h5d.create(parent, name.encode(), kind, space, layout)
        if array.size:
            dataset.write(h5s.ALL, h5s.ALL, array, kind)

    def _attribute(self, group: Any, name: bytes, number: int) -> None:
        array = np.array(number)
        kind, space = self._describe(array)
        h5a.create(group, name, kind, space).write(array)

    def _describe(self, array: np.ndarray) -> tuple[Any, Any]:
        """Return HDF5's type and shape of an array; a file has few, which are cached."""
        kind = self._types.get(array.dtype)
        if kind is None:
            kind = self._types.setdefault(array.dtype, h5t.py_create(array.dtype, logical=True))
        space = self._spaces.get(array.shape)
        if space is None:
            space = self._spaces.setdefault(array.shape, h5s.create_simple(array.shape))
        return kind, space


def _without_times(kind: Any) -> Any:
    """Return properties of HDF5 objects that hold no times, so that equal data are equal files."""
    properties = h5p.create(kind)
    properties.set_obj_track_times(False)
    return properties


@contextlib.contextmanager
def episode_writer(data: Path) -> Iterator[EpisodeWriter]:
    """Yield a writer of the file in this folder.

    Raises:
        OSError: If the file cannot be written.
    """
    with OutputFile(data / DATA_FILE) as output:
        file = h5py.File(output, "w", libver=FORMAT_VERSION)
        try:
            yield EpisodeWriter(file, output)
        finally:
            with _uninterrupted():
                file.close()
        output.check()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Make Ctrl-C and other signals wait: HDF5 cannot close a file if one raises inside it."""
    with deferred_interrupts() as get_interrupt:
        yield
    interrupt = get_interrupt()
    if interrupt is not None:
        raise interrupt
