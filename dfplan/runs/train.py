"""Training: from a task and its settings to a trained run on disk."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dfplan.config import Config
from dfplan.data.chance import split_at_chance
from dfplan.data.minari_io import Trajectories
from dfplan.data.shards.chance import split_shards_at_chance
from dfplan.data.shards.layout import Choices, is_shards
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.windows import TrainingArrays
from dfplan.policy.fit import Progress
from dfplan.representation.layout import Layout
from dfplan.runs.check import check_env
from dfplan.runs.fit import fit_run, learn_policy, learns_policy
from dfplan.runs.resolve import ResolvedRun, resolve_run
from dfplan.runs.run import Run, checkpoints
from dfplan.runs.source import choose_source, load_source
from dfplan.tasks.make_env import identify_env, open_env
from dfplan.tasks.registry import Task
from dfplan.tasks.trust import UntrustedCodeError
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.loop import Announce, Report, TrainingSource, check_trainable, fit
from dfplan.training.objective import check_model
from dfplan.training.sharding import make_mesh
from dfplan.training.step import TrainSpec, init_state
from dfplan.types import PyTree, UserError
from dfplan.util.files import atomic_directory, remove_leftovers
from dfplan.util.locks import exclusive
from dfplan.util.optional import import_optional
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
    policy_progress: Progress | None = None,
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
        policy_progress: Function that is called with the number of optimizer steps of the low-level
            policy taken so far. If training learns such a policy, it does so before the first
            training step.
        announce: Function that is called with a line about where the data are read from, one when a
            low-level policy is learned first, and one about the mesh, if there are several devices.
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

    def begin() -> _Begun:
        return _begin(
            task,
            config,
            out,
            goal=_Goal(goal_dims, goal_from, goal_value),
            init_from=init_from,
            policy_progress=policy_progress,
            announce=announce or (lambda line: None),
            command=command,
        )

    run, source = lead(begin) or _join(out)
    with _locked(out):
        fit(
            _train_spec(run),
            source,
            out,
            stop_step=stop_step,
            report=report,
            announce=announce,
        )
    return run


class _Goal(NamedTuple):
    """Description of the goal, as given to `train`."""

    dims: tuple[int, ...] | None
    source: tuple[int, ...]
    value: tuple[float, ...]


class _Begun(NamedTuple):
    """A run on disk, and its dataset in memory or on disk."""

    run: Run
    source: TrainingSource


def _begin(
    task: Task,
    config: Config,
    out: Path,
    *,
    goal: _Goal,
    init_from: Path | str | None,
    policy_progress: Progress | None,
    announce: Announce,
    command: str,
) -> _Begun:
    """Write a new run, ready for its first training step; see `train`."""
    _check_new(out)
    with atomic_directory(out) as new:
        pretrained = None if init_from is None else resolve_run(init_from)
        if is_shards(task.dataset):  # so that the run can be resumed from anywhere
            task = dataclasses.replace(task, dataset=str(resolve_path(task.dataset)))
        config = choose_source(config, task.dataset, announce)
        data = _load_data(task, config, goal=goal, pretrained=pretrained, announce=announce)
        task = _check_env(task, data.layout)
        run = _new_run(task, config, data, command=command, pretrained=pretrained)
        source = run.training_source(data)
        if config.training.wandb:
            import_optional("wandb", "wandb", "training.wandb")
        spec = _train_spec(run)
        run.make_planner()
        check_trainable(spec, source)
        if learns_policy(config):
            assert isinstance(source, TrainingArrays)  # `choose_source` has refused others
            announce(f"first, the low-level policy: {config.policy.steps:,} steps")
            run = learn_policy(run, source, policy_progress)
        run.save(new)
        if pretrained is not None:
            _save_initial_weights(spec, pretrained.load_weights().params, new)
    return _Begun(run, source)


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
        spec = _train_spec(run, fsdp_devices)
        source = run.training_source(_load_same_data(run, out))
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


def _join(out: Path) -> _Begun:
    """Return the run that process 0 has written, with this process's copy of the dataset."""
    run = Run.load(out)
    return _Begun(run, run.training_source(_load_same_data(run, out)))


def _load_same_data(run: Run, out: Path) -> Trajectories | ShardedTrajectories:
    data = run.load_training_data()
    if data.fingerprint != run.fingerprint:
        raise UserError(
            f"dataset {run.task.dataset!r} is not the one that {out} was trained on: its "
            f"fingerprint is {data.fingerprint[:12]}, the run's is {run.fingerprint[:12]}"
        )
    return data


def _check_new(out: Path) -> None:
    if (out / "config.json").exists():
        raise UserError(f"{out} already holds a run; resume it with --resume, or choose another")


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


def _load_data(
    task: Task,
    config: Config,
    goal: _Goal,
    pretrained: ResolvedRun | None,
    announce: Announce,
) -> Trajectories | ShardedTrajectories:
    if pretrained is None and config.training.objective.loss == "consistency":
        raise UserError(
            "training.objective.loss 'consistency' distills a run that was trained by denoising; "
            "name that run with --init-from"
        )
    if config.data.goal == "reward":
        _check_no_goal(goal)
        goal = goal._replace(dims=())
    elif pretrained is not None:
        pretrained.run.check_sizes(task.dataset)
        layout = pretrained.run.layout
        goal = _Goal(pretrained.run.goal_dims, layout.goal_from, layout.goal_value)
    elif goal.dims is None and task.goal_dims:
        goal = goal._replace(dims=task.goal_dims)
    choices = Choices(
        goal_dims=goal.dims,
        goal_from=goal.source,
        goal_value=goal.value,
        origin=None if pretrained is None else pretrained.run.layout.origin,
    )
    data = load_source(
        config.data,
        task.dataset,
        choices,
        rewards=config.data.goal == "reward",
        notice=announce,
    )
    if not config.data.split_at_chance:
        return data
    return split_at_chance(data) if isinstance(data, Trajectories) else split_shards_at_chance(data)


def _check_no_goal(goal: _Goal) -> None:
    options = {"goal-dims": goal.dims, "goal-from": goal.source, "goal-value": goal.value}
    for name, value in options.items():
        if value:
            raise UserError(
                f"data.goal 'reward' plans without a goal state; leave out {name}, "
                "or set data.goal 'state'"
            )


def _check_tracker(layout: Layout) -> None:
    """Check that the task's tracker knows the states; it does not know a flattened goal Dict."""
    entries = [entry[0] for entry in layout.observation_shape or () if isinstance(entry, tuple)]
    if "desired_goal" in entries:
        raise UserError(
            "data.goal 'reward' uses whole observations as states, which the task's tracker does "
            "not know; valid here: --planner.low-level-controller inverse"
        )


def _new_run(
    task: Task,
    config: Config,
    data: Trajectories | ShardedTrajectories,
    *,
    command: str,
    pretrained: ResolvedRun | None,
) -> Run:
    if config.data.goal == "reward" and config.planner.low_level_controller == "tracker":
        _check_tracker(data.layout)
    run = fit_run(
        task,
        config,
        data,
        command=command,
        init_from=None if pretrained is None else pretrained.run,
    )
    if pretrained is not None:
        run = dataclasses.replace(run, init_from=pretrained.name)
    return run


def _check_env(task: Task, layout: Layout) -> Task:
    """Check the environment against the dataset; return the task with its environment as an id.

    The id of a run to initialize from was checked when that run was trained. If making it would
    import code that only the run's file names, it is not checked again.
    """
    if task.env == "":
        return task
    try:
        with open_env(task.env, task.env_kwargs) as env:
            check_env(layout, env)
            if isinstance(task.env, str):
                return task
            env_id, env_kwargs = identify_env(env)
    except UntrustedCodeError:
        return task
    return dataclasses.replace(task, env=env_id, env_kwargs=env_kwargs)


def _save_initial_weights(spec: TrainSpec, params: PyTree, out: Path) -> None:
    """Write the checkpoint of step 0 with these weights."""
    state = init_state(spec._replace(mesh=None), params)
    with CheckpointStore(checkpoints(out)) as store:
        store.save_initial(state)


def _train_spec(run: Run, fsdp_devices: int | None = None) -> TrainSpec:
    check_model(run.config.training.objective, run.model)
    training = run.config.training
    mesh = make_mesh(fsdp_devices or training.fsdp_devices, training.batch_size)
    return TrainSpec(run.model, run.config.data, training, mesh)
