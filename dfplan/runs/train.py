"""Training: from a task and its settings to a trained run on disk."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dfplan.config import Config
from dfplan.data.shards.layout import Choices
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.trajectories import Trajectories
from dfplan.runs.begin import Begun, begin_run, train_spec
from dfplan.runs.data import load_training_data, prepare_source
from dfplan.runs.fit import FitProgress
from dfplan.runs.run import Run, checkpoints
from dfplan.tasks.registry import Task
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.loop import Announce, Report, fit
from dfplan.types import UserError
from dfplan.util.files import remove_leftovers
from dfplan.util.locks import exclusive
from dfplan.util.places import resolve as resolve_path
from dfplan.util.processes import lead


def train(
    task: Task,
    config: Config,
    out: Path | str,
    *,
    goal_dims: tuple[int, ...] | None = None,
    goal_from: tuple[int, ...] = (),
    goal_value: tuple[float, ...] = (),
    init_from: Path | str | None = None,
    stop_step: int | None = None,
    report: Report | None = None,
    fit_progress: FitProgress | None = None,
    announce: Announce | None = None,
    command: str = "",
) -> Run:
    """Train a new run on all devices.

    Of several processes, all call this: process 0 checks the settings, fits what does not need the
    mesh on its first device, and writes the run, and the others join.

    Args:
        task: Environment and dataset. The environment is checked against the dataset; an empty id
            trains without one. For an object or a function, the run keeps the Gymnasium id and
            arguments that made it, or an empty id if it has none.
        config: Settings.
        out: Directory of the run; must not exist, or be empty. It is created before the first
            training step, once all settings have been checked.
        goal_dims: State dimensions that a goal fixes, for observations without a goal Dict.
        goal_from: Observation dimensions that hold the desired goal.
        goal_value: Desired goal, if it is constant. With `data.goal` "reward" none of the three may
            be given, and observations are used whole, including any desired goal.
        init_from: Directory or task of the run that initializes the weights, as for `resolve_run`.
            Its normalizers are reused too, and its goal dimensions unless `data.goal` is "reward".
        stop_step: Step to stop at; the run can be resumed later.
        report: Function that is called with the step and its metrics whenever they are logged.
        fit_progress: Function that is called while a low-level policy or an action critic is
            learned, before the first training step; see `dfplan.runs.fit.FitProgress`.
        announce: Function that is called with a line about where the data are read from, one when a
            low-level policy or an action critic is learned first, and one about the mesh, if there
            are several devices.
        command: Command line to record in `config.json`.

    Returns:
        The run as written to `out`.

    Raises:
        UnknownEnvError: If the environment is not installed. Nothing is written.
        UserError: If `out` holds anything or another process trains into it; the dataset is missing
            or unusable; the environment does not fit the dataset; the settings do not fit the
            dataset, the devices, each other or the run to initialize from; or wandb is requested
            and not installed. Nothing is written in these cases. During training, as `fit`.
    """
    out = Path(out)

    def begin() -> Begun:
        return begin_run(
            task,
            config,
            out,
            choices=Choices(goal_dims, goal_from, goal_value),
            init_from=init_from,
            fit_progress=fit_progress,
            announce=announce or (lambda line: None),
            command=command,
        )

    run, source = lead(begin) or _join(out)
    with _locked(out):
        fit(
            train_spec(run),
            source,
            out,
            stop_step=stop_step,
            report=report,
            announce=announce,
        )
    return run


def resume(
    out: Path | str,
    *,
    fsdp_devices: int | None = None,
    stop_step: int | None = None,
    report: Report | None = None,
    announce: Announce | None = None,
) -> Run:
    """Resume an interrupted run.

    On the same devices the result is bit-identical to that of an uninterrupted run. On others it
    learns from the same batches with the same noise, and differs by the rounding of sums.

    Args:
        out: Directory of the run.
        fsdp_devices: Replacement for the run's `training.fsdp_devices`; None to keep it.
        stop_step: Step to stop at; the run can be resumed again.
        report: Function that is called with the step and its metrics whenever they are logged.
        announce: As for `train`.

    Returns:
        The run.

    Raises:
        UserError: If there is no run, another process is training it, it is packed (without
            training state), its initial weights are lost, its dataset has changed, or the devices
            do not fit.
    """
    out = Path(out)
    run = Run.load(out)
    with _locked(out):
        lead(lambda: _check_resumable(run, out))
        spec = train_spec(run, fsdp_devices)
        source = prepare_source(run, _load_same_data(run, out))
        fit(
            spec,
            source,
            out,
            stop_step=stop_step,
            report=report,
            announce=announce,
        )
    return run


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the lock of a run's training; process 0 takes it for all processes."""
    with contextlib.ExitStack() as stack:
        lead(lambda: stack.enter_context(exclusive(checkpoints(out))))
        yield


def _join(out: Path) -> Begun:
    """Return the run that process 0 has written, with this process's copy of the dataset."""
    run = Run.load(out)
    return Begun(run, prepare_source(run, _load_same_data(run, out)))


def _load_same_data(run: Run, out: Path) -> Trajectories | ShardedTrajectories:
    data = load_training_data(run)
    if data.fingerprint != run.fingerprint:
        raise UserError(
            f"dataset {run.task.dataset!r} is not the one that {out} was trained on: its "
            f"fingerprint is {data.fingerprint[:12]}, the run's is {run.fingerprint[:12]}"
        )
    return data


def _check_resumable(run: Run, out: Path) -> None:
    remove_leftovers(resolve_path(out).parent)  # of the process that began the run, if killed
    keep_period = run.config.training.keep_period
    with CheckpointStore(checkpoints(out), keep_period=keep_period) as store:
        store.check_resumable()
        store.remove_old()
        if run.init_from and store.latest() is None:
            raise UserError(
                f"{out} has no checkpoints, and so has lost its initial weights from "
                f"{run.init_from}; train a new run with --init-from"
            )
