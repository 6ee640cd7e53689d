"""Open the shards of a dataset, or write them first."""

import dataclasses
from pathlib import Path

from dfplan.data.shards.layout import MANIFEST, Choices, Manifest, is_shards, read_record
from dfplan.data.shards.plan import Progress
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.shards.write import shards_in_dataset, source_of, write_shards
from dfplan.data.store.root import dataset_path
from dfplan.representation.layout import Layout
from dfplan.types import UserError
from dfplan.util.from_json import from_json
from dfplan.util.threads import cores


def open_shards(
    dataset_id: str, choices: Choices, progress: Progress | None = None
) -> ShardedTrajectories:
    """Return the shards of a dataset.

    Args:
        dataset_id: Directory of shards; or Minari id of a dataset, whose shards are in its own
            folder and are written there if there are none with these choices.
        choices: Choices about the states; a directory need not match those that are unset.
        progress: See `Progress`.

    Raises:
        UserError: If the directory holds shards with other choices, the dataset has changed since
            its shards were written, or as `write_shards`.
    """
    if is_shards(dataset_id):
        data = ShardedTrajectories(Path(dataset_id))
        _check_choices(data, choices)
        return data
    for path in sorted(dataset_path(dataset_id).glob(f"shards-*/{MANIFEST}")):
        manifest = read_record(path, Manifest)
        if _fits(manifest, choices):
            _check_source(manifest, dataset_id, path.parent)
            return ShardedTrajectories(path.parent, dataset_id)
    directory = shards_in_dataset(dataset_id, choices)
    write_shards(
        dataset_id,
        directory,
        choices=choices,
        workers=cores(),
        progress=progress,
    )
    return ShardedTrajectories(directory, dataset_id)


def _check_choices(data: ShardedTrajectories, choices: Choices) -> None:
    """Check that a directory has the layout that the user asked for."""
    chosen = dataclasses.asdict(choices)
    for name, value in chosen.items():
        actual = getattr(data.layout, name)
        if value and value != actual:
            raise UserError(
                f"{data.dataset_id} was written with {name} {list(actual)}, not {list(value)}; "
                "write other shards with dfplan dataset shard"
            )


def _check_source(manifest: Manifest, dataset_id: str, directory: Path) -> None:
    """Check that a dataset is still the one whose rows its shards hold."""
    if manifest.source != source_of(dataset_id):
        raise UserError(
            f"dataset {dataset_id!r} has changed since its shards were written; delete {directory} "
            "to have them written again"
        )


def _fits(manifest: Manifest, choices: Choices) -> bool:
    """Return whether shards were written with these choices, or their layout is the chosen one."""
    layout = manifest.make_layout()
    written = from_json(Choices, manifest.choices, "choices")
    return choices in (written, choices_of(layout))


def choices_of(layout: Layout) -> Choices:
    """Return the choices that give this layout to the same dataset."""
    return Choices(
        goal_dims=None if layout.append_achieved else layout.goal_dims,
        goal_from=layout.goal_from,
        goal_value=layout.goal_value,
        origin=layout.origin,
    )
