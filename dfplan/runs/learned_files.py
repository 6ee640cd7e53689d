"""NPZ files of what a run learns besides its checkpoints: critics, low-level policy and moves.

They lie next to the run's record, which holds their checksums, so that a replaced or damaged file
is noticed.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.policy.policy import Policy
from dfplan.types import UserError
from dfplan.util import files
from dfplan.util.readers import reading
from dfplan.value.action_critic import ActionCritic
from dfplan.value.critic import Critic

KINDS = {
    "value": ("critic", Critic),
    "action_value": ("action_critic", ActionCritic),
    "policy": ("policy", Policy),
    "moves": ("moves", ObservedMoves),
}
"""Attribute of the run and class of its value, by entry of the record and name of the file."""


def contents(run: Any) -> dict[str, bytes]:
    """Return the content of each file that a run has.

    Args:
        run: Run, or anything with the attributes that `KINDS` names.
    """
    learned = {entry: getattr(run, attribute) for entry, (attribute, _) in KINDS.items()}
    return {entry: value.to_bytes() for entry, value in learned.items() if value is not None}


def record(content: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the record's entries for the files; None for a file that the run does not have."""
    checksums = {entry: {"checksum": zlib.crc32(data)} for entry, data in content.items()}
    return {entry: checksums.get(entry) for entry in KINDS}


def write(content: Mapping[str, bytes], directory: Path) -> None:
    """Write the files.

    Raises:
        UserError: If one cannot be written.
    """
    for entry, data in content.items():
        files.write_bytes(_path(directory, entry), data)


def load(entries: Mapping[str, Any], directory: Path | str) -> dict[str, Any]:
    """Load the files of a run, and return their contents by attribute of the run.

    Args:
        entries: Record of the run.
        directory: Directory of the run.

    Raises:
        UserError: If a file is missing or damaged, or has changed since it was written.
    """
    learned = {}
    for entry, (attribute, cls) in KINDS.items():
        if entries.get(entry):
            path = _path(directory, entry)
            _check(path, entries[entry]["checksum"])
            learned[attribute] = cls.load(path)
    return learned


def _path(directory: Path | str, entry: str) -> Path:
    return Path(directory) / f"{entry}.npz"


def _check(path: Path, checksum: int) -> None:
    with reading(path):
        content = path.read_bytes()
    if zlib.crc32(content) != checksum:
        raise UserError(f"{path} has changed since it was written")
