"""Metrics of a run, as JSON lines and TensorBoard events."""

import json
from pathlib import Path

import numpy as np

from dfplan.util import files
from dfplan.util.places import writing


class MetricLog:
    """Appends scalars to `metrics.jsonl` and `tensorboard/` in a run's directory.

    A resumed run writes the steps after its checkpoint again, so records after `step` are dropped
    first (in TensorBoard's events by a purge mark that its readers respect).

    Args:
        directory: Run directory.
        step: Step from which the run resumes.
    """

    def __init__(self, directory: Path, step: int = 0):
        from tensorboardX import SummaryWriter

        self._path = Path(directory) / "metrics.jsonl"
        if self._path.exists():
            _drop_after(self._path, step)
        with writing(self._path):
            self._file = self._path.open("a")
        # Named by the step too: writers opened within one second would overwrite each other.
        with writing(Path(directory) / "tensorboard"):
            self._board = SummaryWriter(
                str(Path(directory) / "tensorboard"),
                purge_step=step + 1,
                filename_suffix=f".{step:010d}",
            )

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Record `scalars` at `step`.

        Raises:
            UserError: If they cannot be written.
        """
        with writing(self._path):
            self._file.write(json.dumps({"step": step, **scalars}) + "\n")
            self._file.flush()
        for name, value in scalars.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close both."""
        self._file.close()
        self._board.close()


def read_metrics(directory: Path) -> dict[str, np.ndarray]:
    """Return what a run has recorded in `metrics.jsonl`: `[N, 2]` steps and values, by name.

    Empty if there is no such file; damaged lines are skipped.
    """
    path = Path(directory) / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    points: dict[str, list[tuple[float, float]]] = {}
    for record in (json.loads(line) for line in lines if _step(line) < float("inf")):
        step = record.pop("step")
        for name, value in record.items():
            points.setdefault(name, []).append((step, value))
    return {name: np.array(curve, float) for name, curve in points.items()}


def _drop_after(path: Path, step: int) -> None:
    """Keep the lines up to `step`; drop those that a killed run left unfinished."""
    lines = [line for line in path.read_text().splitlines() if _step(line) <= step]
    files.write_text(path, "".join(f"{line}\n" for line in lines))


def _step(line: str) -> float:
    """Return the step of a line; infinity for a damaged one."""
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")
