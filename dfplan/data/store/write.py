"""Write a Minari dataset completely or not at all, by one process at a time."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dfplan.data.store.hdf5_write import EpisodeWriter, episode_writer
from dfplan.data.store.metadata import METADATA_FILE
from dfplan.data.store.root import dataset_path, datasets_root
from dfplan.types import UserError
from dfplan.util.files import (
    atomic_directory,
    check_vacant,
    folder_size,
    remove_leftovers,
    write_text,
)
from dfplan.util.locks import exclusive


class DatasetExistsError(UserError):
    """An error for a dataset id that is already taken."""


def check_new_dataset_id(dataset_id: str) -> None:
    """Check that a local dataset with this id can be created.

    Raises:
        UserError: If the id is malformed, or Minari's folder cannot be used.
        DatasetExistsError: If the dataset already exists.
        LockedError: If another process is writing it.
    """
    path = dataset_path(dataset_id)
    try:
        check_vacant(path)
    except UserError as error:
        # A process that was killed after the last rename left its hidden folder.
        remove_leftovers(path.parent)
        raise DatasetExistsError(
            f"dataset {dataset_id!r} already exists in {path}; choose another id, or delete it: "
            f"minari delete {dataset_id}"
        ) from error
    if path.parent.is_dir():
        with exclusive(path):
            pass


@contextlib.contextmanager
def new_dataset(dataset_id: str) -> Iterator[Path]:
    """Yield the data folder of a new dataset, which appears under its id if the context succeeds.

    Until then it is hidden from Minari, and no other process can write this id.

    Raises:
        UserError: If the id is malformed or the dataset cannot be written.
        DatasetExistsError: If the dataset already exists.
        LockedError: If another process is writing it.
    """
    check_new_dataset_id(dataset_id)
    path = dataset_path(dataset_id)
    with atomic_directory(path) as folder:
        data = folder / "data"
        data.mkdir()
        yield data
    _describe_namespaces(path)


@contextlib.contextmanager
def dataset_writer(data: Path, metadata: dict[str, Any]) -> Iterator[EpisodeWriter]:
    """Yield a writer of episodes; write the metadata when the context succeeds.

    Args:
        data: Data folder from `new_dataset`.
        metadata: Entries from `describe`.

    Raises:
        OSError: If the dataset cannot be written.
    """
    with episode_writer(data) as writer:
        yield writer
    counts = {"total_episodes": writer.episodes, "total_steps": writer.steps}
    size = {"dataset_size": round(folder_size(data) / 1e6, 1)}
    (data / METADATA_FILE).write_text(json.dumps({**metadata, **counts, **size}), encoding="utf-8")


def write_dataset(
    data: Path, dataset_id: str, *, buffer: Iterable[Any], **description: Any
) -> None:
    """Write a dataset from arguments of `minari.create_dataset_from_buffers`.

    Args:
        data: Data folder from `new_dataset`.
        dataset_id: Minari id.
        buffer: Episodes, as for `EpisodeWriter.add`.
        description: Arguments of `describe`.

    Raises:
        UserError: If an episode cannot be stored.
        OSError: If the dataset cannot be written.
    """
    with dataset_writer(data, describe(dataset_id, **description)) as writer:
        for episode in buffer:
            writer.add(episode)


def describe(
    dataset_id: str,
    *,
    env: Any = None,
    eval_env: Any = None,
    observation_space: Any = None,
    action_space: Any = None,
    author: str = "dfplan",
    **entries: Any,
) -> dict[str, Any]:
    """Return the metadata of a dataset in the form that Minari writes.

    Args:
        dataset_id: Minari id.
        env: Environment of the data, or None.
        eval_env: Environment in which to evaluate; that of the data by default.
        observation_space: Space of an observation; the environment's by default.
        action_space: Space of an action; the environment's by default.
        author: Name of the author.
        entries: Further entries, such as algorithm_name, description, ref_min_score,
            ref_max_score and requirements, or dfplan's own `observation_names`; None leaves one
            out.
    """
    from minari import __version__
    from minari.serialization import serialize_space

    record = {
        "dataset_id": dataset_id,
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "observation_space": serialize_space(
            env.observation_space if observation_space is None else observation_space
        ),
        "action_space": serialize_space(env.action_space if action_space is None else action_space),
        "env_spec": _spec(env),
        "eval_env_spec": _spec(eval_env or env),
        "author": [author],
        "minari_version": __version__,
        **entries,
    }
    return {name: value for name, value in record.items() if value is not None}


def _spec(env: Any) -> str | None:
    """Return the specification of an environment as JSON; None if JSON cannot hold it.

    An entry point that is a class instead of a string cannot be written.
    """
    if env is None or env.spec is None:
        return None
    try:
        return env.spec.to_json()
    except (TypeError, ValueError):
        return None


def _describe_namespaces(path: Path) -> None:
    """Write the missing files with which Minari marks namespaces."""
    from minari.namespace import NAMESPACE_METADATA_FILENAME

    root = datasets_root()
    for parent in path.parents:
        if parent == root:
            return
        file = parent / NAMESPACE_METADATA_FILENAME
        with contextlib.suppress(UserError):  # Minari reads the dataset without this file, too.
            if not file.exists():
                write_text(file, "{}")
