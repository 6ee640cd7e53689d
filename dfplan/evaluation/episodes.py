"""Records of evaluation episodes."""

import dataclasses
import io
from typing import Literal

import numpy as np


@dataclasses.dataclass(frozen=True)
class Episodes:
    """Record of E episodes of at most L steps.

    Attributes:
        seeds: `[E]` seeds of the environments' resets.
        reward: `[E, L]` rewards, 0 after the end.
        success: `[E, L+1]` bool, the environment's success flags, starting with the reset's; false
            for steps without a flag. None if no step of any episode has one.
        length: `[E]` number of steps.
        states: `[E, L+1, S]` visited states, the last one repeated after the end; the true states
            if observations are perturbed and the environment reports the true ones.
        goals: `[E, G]` goals at the reset, or None.
    """

    seeds: np.ndarray
    reward: np.ndarray
    success: np.ndarray | None
    length: np.ndarray
    states: np.ndarray
    goals: np.ndarray | None

    def to_bytes(self) -> bytes:
        """Return the record in NumPy's NPZ format."""
        arrays = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{k: v for k, v in arrays.items() if v is not None})
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Episodes":
        """Return the record that `to_bytes` wrote."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls(**{f.name: arrays.get(f.name) for f in dataclasses.fields(cls)})


def join(records: list[Episodes]) -> Episodes:
    """Return several records as one, padded to the longest as described in `Episodes`."""
    longest = max(record.reward.shape[1] for record in records)
    success = None
    if any(record.success is not None for record in records):
        success = np.concatenate(
            [_pad(_success_flags(record), longest + 1, "edge") for record in records]
        )
    goals = [record.goals for record in records if record.goals is not None]
    return Episodes(
        seeds=np.concatenate([record.seeds for record in records]),
        reward=np.concatenate([_pad(record.reward, longest, "constant") for record in records]),
        success=success,
        length=np.concatenate([record.length for record in records]),
        states=np.concatenate([_pad(record.states, longest + 1, "edge") for record in records]),
        goals=np.concatenate(goals) if goals else None,
    )


def _success_flags(record: Episodes) -> np.ndarray:
    if record.success is None:
        return np.zeros((len(record.seeds), record.reward.shape[1] + 1), bool)
    return record.success


def _pad(array: np.ndarray, size: int, mode: Literal["constant", "edge"]) -> np.ndarray:
    """Pad `[E, L, ...]` to `[E, size, ...]` with zeros or with the last value."""
    widths = [(0, 0)] * array.ndim
    widths[1] = (0, size - array.shape[1])
    return np.pad(array, widths, mode=mode)
