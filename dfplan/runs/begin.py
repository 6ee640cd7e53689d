"""Begin a training: check the settings against the data, and write a run without training steps."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

from dfplan.config import Config
from dfplan.data.shards.layout import Choices, is_shards
from dfplan.data.shards.open import choices_of
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.training_arrays import TrainingArrays
from dfplan.data.trajectories import Trajectories
from dfplan.representation.layout import Layout
from dfplan.runs.check import check_env
from dfplan.runs.data import prepare_source, split_episodes
from dfplan.runs.fit import (
    FitProgress,
    fit_run,
    learn_before_training,
)
from dfplan.runs.resolve import ResolvedRun, resolve_run
from dfplan.runs.run import Run, checkpoints
from dfplan.runs.source import choose_source, load_source
from dfplan.tasks.make_env import identify_env, open_env
from dfplan.tasks.registry import Task
from dfplan.tasks.trust import UntrustedCodeError
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.loop import Announce, TrainingSource, check_trainable
from dfplan.training.objective import check_model
from dfplan.training.sharding import make_mesh
from dfplan.training.step import TrainSpec, init_state
from dfplan.types import PyTree, UserError
from dfplan.util.files import atomic_directory
from dfplan.util.optional import import_optional
from dfplan.util.places import resolve as resolve_path


class Begun(NamedTuple):
    """A run on disk, and its dataset in memory or on disk."""

    run: Run
    source: TrainingSource


def begin_run(
    task: Task,
    config: Config,
    out: Path,
    *,
    choices: Choices,
    init_from: Path | str | None,
    fit_progress: FitProgress | None,
    announce: Announce,
    command: str,
) -> Begun:
    """Write a new run, ready for its first training step.

    Args:
        task: See `dfplan.runs.train.train`, as for all arguments.
        config: Settings.
        out: Directory of the run.
        choices: Description of the goal.
        init_from: Run that initializes the weights, or None.
        fit_progress: See `dfplan.runs.fit.FitProgress`; None for no reports.
        announce: Function that is called with lines for the user.
        command: Command line to record.

    Raises:
        UserError: As `dfplan.runs.train.train`. Nothing is written in these cases.
    """
    _check_new(out)
    with atomic_directory(out) as new:
        pretrained = None if init_from is None else resolve_run(init_from)
        if is_shards(task.dataset):  # so that the run can be resumed from anywhere
            task = dataclasses.replace(task, dataset=str(resolve_path(task.dataset)))
        config = choose_source(config, task.dataset, announce)
        data = _load_data(task, config, choices=choices, pretrained=pretrained, announce=announce)
        task = _check_env(task, data.layout)
        run = _new_run(task, config, data, command=command, pretrained=pretrained)
        source = prepare_source(run, data)
        if config.training.wandb:
            import_optional("wandb", "wandb", "training.wandb")
        spec = train_spec(run)
        run.make_planner()
        check_trainable(spec, source)
        if config.planner.uses_action_critic or config.planner.uses_policy:
            assert isinstance(source, TrainingArrays)  # `choose_source` has refused others
            announce(f"first, {_describe_learned(config)}")
            run, source = learn_before_training(run, data, source, fit_progress)
        run.save(new)
        if pretrained is not None:
            _save_initial_weights(spec, pretrained.load_weights().params, new)
    return Begun(run, source)


def _describe_learned(config: Config) -> str:
    """Name what is learned before the first training step, with its optimizer steps."""
    learned = []
    if config.planner.uses_action_critic:
        learned.append(f"the action values: {config.action_value.steps:,} steps")
    if config.planner.uses_policy:
        learned.append(f"the low-level policy: {config.policy.steps:,} steps")
    return "; ".join(learned)


def _check_new(out: Path) -> None:
    if (out / "config.json").exists():
        raise UserError(f"{out} already holds a run; resume it with --resume, or choose another")


def _load_data(
    task: Task,
    config: Config,
    choices: Choices,
    pretrained: ResolvedRun | None,
    announce: Announce,
) -> Trajectories | ShardedTrajectories:
    if pretrained is None and config.training.objective.loss == "consistency":
        raise UserError(
            "training.objective.loss 'consistency' distills a run that was trained by denoising; "
            "name that run with --init-from"
        )
    rewards = config.data.goal == "reward"
    if rewards:
        _check_no_goal(choices)
        origin = None if pretrained is None else pretrained.run.layout.origin
        choices = Choices(goal_dims=(), origin=origin)
    elif pretrained is not None:
        pretrained.run.check_sizes(task.dataset)
        choices = choices_of(pretrained.run.layout)
    elif choices.goal_dims is None and task.goal_dims:
        choices = dataclasses.replace(choices, goal_dims=task.goal_dims)
    data = load_source(config.data, task.dataset, choices, rewards=rewards, notice=announce)
    return split_episodes(data, config.data)


def _check_no_goal(choices: Choices) -> None:
    for name, value in dataclasses.asdict(choices).items():
        if value:
            raise UserError(
                "data.goal 'reward' plans without a goal state; leave out "
                f"{name.replace('_', '-')}, "
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


def train_spec(run: Run, fsdp_devices: int | None = None) -> TrainSpec:
    """Return what a run's training steps compute, and on which devices.

    Args:
        run: The run.
        fsdp_devices: Replacement for `training.fsdp_devices`; None to keep it.

    Raises:
        UserError: If the objective does not fit the model, or the devices do not fit.
    """
    check_model(run.config.training.objective, run.model)
    training = run.config.training
    mesh = make_mesh(fsdp_devices or training.fsdp_devices, training.batch_size)
    return TrainSpec(run.model, run.config.data, training, mesh)
