"""A local Minari dataset: its metadata and its episodes."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.store import hdf5_read
from dfplan.data.store.episode import STEP_ARRAYS, Episode
from dfplan.data.store.metadata import Metadata, read_metadata
from dfplan.types import UserError, one_line


class Dataset:
    """A Minari dataset whose metadata and number of episodes have been checked.

    Attributes:
        id: Minari id that it was opened by.
        metadata: Its checked metadata.
    """

    def __init__(self, dataset_id: str, data: Path):
        self.id = dataset_id
        self._data = data
        with _readable(dataset_id):
            self.metadata: Metadata = read_metadata(data)
            count = _count_episodes(data, self.metadata)
        if count != self.metadata.total_episodes:
            raise UserError(
                f"dataset {dataset_id!r} is damaged: its metadata states "
                f"{self.metadata.total_episodes:,} episodes, its files hold {count:,}"
            )

    @property
    def observation_space(self) -> Any:
        """Gymnasium space of an observation."""
        return self.metadata.observation_space

    @property
    def action_space(self) -> Any:
        """Gymnasium space of an action."""
        return self.metadata.action_space

    @property
    def total_episodes(self) -> int:
        """Number of episodes."""
        return self.metadata.total_episodes

    @property
    def total_steps(self) -> int:
        """Number of steps of all episodes, according to the metadata."""
        return self.metadata.total_steps

    def iterate_episodes(
        self, ids: Sequence[int] | None = None, step_arrays: Sequence[str] = STEP_ARRAYS
    ) -> Iterator[Episode]:
        """Yield episodes, one at a time.

        Args:
            ids: Indices of the episodes; None for all, whose steps are then counted.
            step_arrays: Names of the arrays with one number per step that are needed.

        Raises:
            UserError: If an episode is missing or damaged, or the number of steps differs from
                that in the metadata.
        """
        steps = 0
        chosen = range(self.total_episodes) if ids is None else ids
        with _readable(self.id):
            for episode in self._episodes(chosen, step_arrays):
                steps += len(episode)
                yield episode
        if ids is None:
            self._check_steps(steps)

    def episode_steps(self) -> np.ndarray:
        """Return the number of steps of each episode, `[E]` int64.

        Raises:
            UserError: As `iterate_episodes`.
        """
        ids = range(self.total_episodes)
        with _readable(self.id):
            if self.metadata.data_format == "hdf5":
                steps = list(hdf5_read.episode_steps(self._data, ids))
            else:
                steps = [len(episode) for episode in self._episodes(ids, ())]
        self._check_steps(sum(steps))
        return np.array(steps, np.int64)

    def _check_steps(self, steps: int) -> None:
        if steps != self.total_steps:
            raise UserError(
                f"dataset {self.id!r} is damaged: its metadata states {self.total_steps:,} steps, "
                f"its files hold {steps:,}"
            )

    def _episodes(self, ids: Sequence[int], step_arrays: Sequence[str]) -> Iterator[Episode]:
        spaces = (self.observation_space, self.action_space)
        plain = not (self.metadata.jpeg_encoding and any(map(_holds_images, spaces)))
        if self.metadata.data_format == "hdf5" and plain:
            yield from hdf5_read.read_episodes(self._data, *spaces, ids, step_arrays)
            return
        yield from minari_episodes(self._data, self.metadata, ids)


@contextlib.contextmanager
def _readable(dataset_id: str) -> Iterator[None]:
    """Turn any exception of a file's reader into a `UserError`."""
    try:
        yield
    except UserError as error:
        prefix = f"dataset {dataset_id!r}"
        if str(error).startswith(prefix):
            raise
        raise UserError(f"{prefix} is damaged: {error}") from error
    except Exception as error:  # HDF5, Minari and Arrow raise many types for a damaged file
        raise UserError(f"dataset {dataset_id!r} cannot be read: {one_line(error)}") from error


def _holds_images(space: Any) -> bool:
    from gymnasium import spaces
    from minari.dataset.minari_storage import is_image_space

    if isinstance(space, spaces.Dict):
        return any(map(_holds_images, space.values()))
    return is_image_space(space)


def _count_episodes(data: Path, metadata: Metadata) -> int:
    if metadata.data_format == "hdf5":
        return hdf5_read.count_episodes(data)
    return sum(entry.name.isdigit() for entry in data.iterdir())


def minari_episodes(data: Path, metadata: Metadata, ids: Sequence[int]) -> Iterator[Episode]:
    """Yield episodes by Minari's own reader; unlike `minari.load_dataset`, it runs no code.

    Args:
        data: Folder of the dataset's files.
        metadata: Metadata of the dataset.
        ids: Indices of the episodes.
    """
    from minari.dataset._storages import get_minari_storage

    storage = get_minari_storage(metadata.data_format)(
        data,
        metadata.observation_space,
        metadata.action_space,
        jpeg_encoding=metadata.jpeg_encoding,
    )
    names = [field.name for field in dataclasses.fields(Episode)]
    for record in storage.get_episodes(ids):
        yield Episode(**{name: record[name] for name in names})
