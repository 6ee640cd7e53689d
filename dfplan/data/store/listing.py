"""List of the datasets in Minari's folder, including damaged ones."""

import dataclasses

from dfplan.data.store.dataset import Dataset
from dfplan.data.store.root import dataset_names, datasets_root, is_dataset_id
from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class Listing:
    """A local dataset in a list.

    Attributes:
        dataset: Name of its folder, which is its id unless there is a problem.
        episodes: Number of episodes; None if it cannot be read.
        steps: Number of steps; None if it cannot be read.
        problem: Why it cannot be used; empty if it can.
    """

    dataset: str
    episodes: int | None = None
    steps: int | None = None
    problem: str = ""


def list_datasets() -> list[Listing]:
    """Return the datasets in Minari's folder, including damaged ones, sorted by name.

    Raises:
        UserError: If the folder cannot be used.
    """
    return [_listing(name) for name in dataset_names()]


def local_ids() -> list[str]:
    """Return the sorted ids of the local datasets that are not damaged.

    Raises:
        UserError: If Minari's folder cannot be used.
    """
    return [listing.dataset for listing in list_datasets() if not listing.problem]


def _listing(name: str) -> Listing:
    if not is_dataset_id(name):
        return Listing(name, problem=f"folder {name!r} is not named like a dataset: name-v0")
    try:
        dataset = Dataset(name, datasets_root() / name / "data")
    except UserError as error:
        return Listing(name, problem=str(error))
    problem = ""
    if dataset.metadata.dataset_id != name:
        problem = f"its metadata names another dataset, {dataset.metadata.dataset_id!r}"
    return Listing(name, dataset.total_episodes, dataset.total_steps, problem=problem)
