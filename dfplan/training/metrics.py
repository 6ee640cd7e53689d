"""Metrics of a run, as JSON lines and TensorBoard events."""

import json
import time
from pathlib import Path
from typing import Any

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
        self._path = Path(directory) / "metrics.jsonl"
        if self._path.exists():
            _drop_after(self._path, step)
        with writing(self._path):
            self._file = self._path.open("a")
        self._board = _TensorBoardFile(Path(directory) / "tensorboard", step)

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Record `scalars` at `step`.

        Raises:
            UserError: If they cannot be written.
        """
        with writing(self._path):
            self._file.write(json.dumps({"step": step, **scalars}) + "\n")
            self._file.flush()
        self._board.write(step, scalars)

    def close(self) -> None:
        """Close both."""
        with writing(self._path):
            self._file.close()
        self._board.close()


class _TensorBoardFile:
    """A TensorBoard event file.

    The calling thread writes it: tensorboardX's `SummaryWriter` hands events to another thread, and
    waits forever once that thread has ended, as on a full disk.
    """

    def __init__(self, directory: Path, step: int):
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto import event_pb2, summary_pb2

        self._directory = directory
        self._event_types: Any = event_pb2
        self._summary_types: Any = summary_pb2
        with writing(directory):
            directory.mkdir(exist_ok=True)
            # Named by the step too: files created within one second would overwrite each other.
            self._events = EventsWriter(str(directory / "events"), f".{step:010d}")
        # Makes readers drop what an interrupted run has recorded after this step.
        session_log = self._event_types.SessionLog
        self._write(step + 1, session_log=session_log(status=session_log.START))

    def write(self, step: int, scalars: dict[str, float]) -> None:
        summary = self._summary_types.Summary
        values = [summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        self._write(step, summary=summary(value=values))

    def _write(self, step: int, **content: Any) -> None:
        event = self._event_types.Event(wall_time=time.time(), step=step, **content)
        with writing(self._directory):
            self._events.write_event(event)
            self._events.flush()

    def close(self) -> None:
        with writing(self._directory):
            self._events.close()


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
