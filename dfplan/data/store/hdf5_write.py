"""Write Minari's HDF5 files with few library calls per episode.

Arrays are stored without chunks, and small ones inside their headers. Both writing and reading are
many times faster than with the resizable arrays that Minari itself writes.
"""

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5p, h5s, h5t  # pyright: ignore[reportAttributeAccessIssue]

from dfplan.data.store.hdf5_read import DATA_FILE, group_addresses
from dfplan.data.store.header_forms import Form, learn
from dfplan.data.store.object_headers import first_block
from dfplan.data.store.output_file import OutputFile
from dfplan.data.store.short_write import ShortEpisode, ShortEpisodeWriter, read_superblock
from dfplan.types import UserError
from dfplan.util.interrupts import deferred_interrupts

FORMAT_VERSION = "v110"
"""Readable by HDF5 1.10 (2016) and later; its headers have checksums."""
MAX_COMPACT = 32_768
"""Bytes of an array that is stored in its header, which holds at most 64 KiB."""


class _Objects:
    """Creator of HDF5's objects; a file has few types and shapes, which are cached."""

    def __init__(self):
        self._spaces: dict[tuple[int, ...], Any] = {(): h5s.create(h5s.SCALAR)}
        self._types: dict[np.dtype, Any] = {}
        self._group = _without_times(h5p.GROUP_CREATE)
        self._compact = _without_times(h5p.DATASET_CREATE)
        self._compact.set_layout(h5d.COMPACT)
        self._contiguous = _without_times(h5p.DATASET_CREATE)

    def add_group(self, parent: Any, name: str) -> Any:
        return h5g.create(parent, name.encode(), gcpl=self._group)

    def add_arrays(self, parent: Any, arrays: dict[str, Any]) -> None:
        for name, value in arrays.items():
            if isinstance(value, dict):
                self.add_arrays(self.add_group(parent, name), value)
            else:
                self._add_array(parent, name, value)

    def add_attributes(self, parent: Any, attributes: dict[str, int]) -> None:
        for name, number in attributes.items():
            array = np.array(number)
            kind, space = self._describe(array)
            h5a.create(parent, name.encode(), kind, space).write(array)

    def _add_array(self, parent: Any, name: str, array: np.ndarray) -> None:
        kind, space = self._describe(array)
        layout = self._compact if array.nbytes <= MAX_COMPACT else self._contiguous
        dataset = h5d.create(parent, name.encode(), kind, space, layout)
        if array.size:
            dataset.write(h5s.ALL, h5s.ALL, array, kind)

    def _describe(self, array: np.ndarray) -> tuple[Any, Any]:
        """Return HDF5's type and shape of an array."""
        kind = self._types.get(array.dtype)
        if kind is None:
            kind = self._types.setdefault(array.dtype, h5t.py_create(array.dtype, logical=True))
        space = self._spaces.get(array.shape)
        if space is None:
            space = self._spaces.setdefault(array.shape, h5s.create_simple(array.shape))
        return kind, space


def _without_times(kind: Any) -> Any:
    """Return properties of new objects whose headers do not hold the time.

    The same data then make the same file, and episodes of equal shapes headers of equal bytes.
    """
    properties = h5p.create(kind)
    properties.set_obj_track_times(False)
    return properties


class EpisodeWriter:
    """Writer of one file of episodes.

    Attributes:
        episodes: Number of episodes written.
        steps: Number of steps written.
    """

    def __init__(self, file: h5py.File, output: OutputFile, scratch: Any):
        self._file = file
        self._output = output
        self._objects = _Objects()
        self._short = ShortEpisodeWriter(scratch, self._learn, self._write)
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
            attributes = {"id": self.episodes, "total_steps": steps}
            if episode.seed is not None:
                attributes["seed"] = int(episode.seed)
            self._add(ShortEpisode(self._arrays(episode, steps), attributes))
            self.episodes += 1
            self.steps += steps
        self._output.check()

    def _arrays(self, episode: Any, steps: int) -> dict[str, Any]:
        arrays = {
            "observations": self._checked("observations", episode.observations, steps + 1),
            "actions": self._checked("actions", episode.actions, steps),
        }
        if getattr(episode, "infos", None):
            arrays["infos"] = self._checked("infos", episode.infos, steps + 1)
        for name in ("rewards", "terminations", "truncations"):
            array = np.asarray(getattr(episode, name)).reshape(steps)
            arrays[name] = self._checked(name, array, steps)
        return arrays

    def _checked(self, name: str, value: Any, rows: int) -> Any:
        if isinstance(value, dict):
            return {str(key): self._checked(str(key), inner, rows) for key, inner in value.items()}
        array = np.ascontiguousarray(value)
        if array.dtype.kind not in "biuf" or array.shape[:1] != (rows,):
            raise UserError(
                f"episode {self.episodes}: {name} are {array.dtype} of shape {array.shape}; "
                f"needed: {rows} rows of numbers"
            )
        return array

    def _add(self, episode: ShortEpisode) -> None:
        if not _is_short(episode.arrays):
            with _uninterrupted():
                self._write(episode)
            return
        arrays = _copied(episode.arrays)  # the caller may reuse its own
        self._short.add(ShortEpisode(arrays, episode.attributes))
        if self._short.is_full:
            with _uninterrupted():
                self._short.flush()

    def _write(self, episode: ShortEpisode) -> None:
        """Write an episode by HDF5."""
        group = self._objects.add_group(self._file.id, f"episode_{episode.attributes['id']}")
        self._objects.add_attributes(group, episode.attributes)
        self._objects.add_arrays(group, episode.arrays)

    def _learn(self, episode: ShortEpisode) -> Form | None:
        """Return the form of a short episode that HDF5 writes into memory; None if it has none."""
        memory = io.BytesIO()
        with h5py.File(memory, "w", libver=FORMAT_VERSION) as file:
            group = self._objects.add_group(file.id, "episode_0")
            self._objects.add_group(file.id, "episode_1")  # lies behind it, so that it cannot grow
            self._objects.add_arrays(group, episode.arrays)
            self._objects.add_attributes(group, episode.attributes)
            file.flush()
            whole, empty = map(int, group_addresses(file, range(2)))
        image = np.frombuffer(memory.getbuffer(), np.uint8)
        try:
            read_superblock(memory)
            form = learn(image, whole, episode.arrays)
            size = len(first_block(image, empty).content)
        except ValueError:
            return None
        has_attributes = set(form.all_attributes()) == set(episode.attributes)
        return form if has_attributes and size == len(form.content) else None

    def finish(self) -> None:
        """Write what is left, and close the file.

        Raises:
            OSError: If the file cannot be written.
        """
        with _uninterrupted():
            self._short.flush()
            ids = self._short.ids.tolist()
            for index in ids:
                self._objects.add_group(self._file.id, f"episode_{index}")
            address = group_addresses(self._file, ids)
            self._file.close()
        self._output.check()
        self._short.complete(self._output, address)
        self._output.check()


def _is_short(value: Any) -> bool:
    """Return whether HDF5 stores all arrays in their headers."""
    if isinstance(value, dict):
        return all(map(_is_short, value.values()))
    return 0 < value.nbytes <= MAX_COMPACT


def _copied(arrays: dict[str, Any]) -> dict[str, Any]:
    """Return copies of all arrays."""
    return {
        name: _copied(value) if isinstance(value, dict) else value.copy()
        for name, value in arrays.items()
    }


@contextlib.contextmanager
def episode_writer(data: Path) -> Iterator[EpisodeWriter]:
    """Yield a writer of the file in this folder.

    Raises:
        OSError: If the file cannot be written.
    """
    with OutputFile(data / DATA_FILE) as output, tempfile.TemporaryFile(dir=data) as scratch:
        file = h5py.File(output, "w", libver=FORMAT_VERSION)
        try:
            writer = EpisodeWriter(file, output, scratch)
            yield writer
            writer.finish()
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
