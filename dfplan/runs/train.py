"""train: from a task and its settings to a trained run on disk."""

import contextlib
import dataclasses
from pathlib import Path

from dfplan.config import Config
from dfplan.data.minari_io import load_trajectories
from dfplan.representation.layout import Layout
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run, checkpoints, load_weights
from dfplan.tasks.make_env import identify_env, open_env
from dfplan.tasks.registry import Task
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.loop import Report, fit
from dfplan.training.objective import check_model
from dfplan.training.step import TrainSpec, init_state
from dfplan.types import PyTree, UserError
from dfplan.util.optional import import_optional


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
    command: str = "",
) -> Run:
    """Train a new run.

    Args:
        task: environment and dataset. An environment that is no id is checked against the dataset,
            and kept as the id and arguments that made it, or as none where it has no such.
        config: settings.
        out: directory of the run; must not hold one.
        goal_dims: places of the goal in the state, for datasets that do not show them.
        goal_from: places in the observation where the goal to reach stands.
        goal_value: the goal to reach, where it is always the same. With `data.goal` "reward" there
            is none of the three, and observations are taken whole, desired goals included.
        init_from: a run, as `resolve_run` takes it, whose weights and units of states and actions
            this one begins with; the places of a goal are its own then.
        stop_step: stop at this step, to be resumed later.
        report: called with step and metrics now and then.
        command: kept in config.json.

    Raises:
        UserError: when `out` holds a run, the dataset is missing or cannot be used, settings do not
            fit it or each other, or the run to begin with, or wandb is wanted and missing; nothing
            is written then. Later, as `fit`.
    """
    out = Path(out)
    if (out / "config.json").exists():
        raise UserError(f"{out} already holds a run; resume it with --resume, or name another")
    if checkpoints(out).exists():
        raise UserError(f"{out} holds checkpoints without a config.json; name another")
    before = None if init_from is None else resolve_run(init_from)
    if before is None and config.training.objective.loss == "consistency":
        raise UserError(
            "training.objective.loss 'consistency' learns from a run that was trained by "
            "denoising; name it with --init-from"
        )
    rewards = config.data.goal == "reward"
    if rewards:
        _check_no_goal(goal_dims, goal_from, goal_value)
        goal_dims = ()
    elif before is not None:
        layout = before.run.layout
        goal_dims, goal_from, goal_value = before.run.goal_dims, layout.goal_from, layout.goal_value
    data = load_trajectories(task.dataset, goal_dims, goal_from, goal_value, rewards=rewards)
    if rewards and config.planner.low_level_controller == "tracker":
        _check_tracked(data.layout)
    run = _with_id(Run.create(task, config, data, command, before and before.run))
    training_arrays = run.training_arrays(data)
    if config.training.wandb:
        import_optional("wandb", "wandb", "training.wandb")
    # Built now, so that what they refuse is refused before anything is written or trained.
    spec, _ = _train_spec(run), run.planner
    weights = None if before is None else load_weights(before.run, before.directory)
    run.save(out)
    if weights is not None:
        _begin(spec, weights.params, out)
    fit(spec, training_arrays, out, stop_step=stop_step, report=report)
    return run


def resume(out: Path | str, *, stop_step: int | None = None, report: Report | None = None) -> Run:
    """Go on with an interrupted run, to the same bits as if it had not been (same machine).

    Raises:
        UserError: when there is no run, it is a packed one, or its dataset is not the one it began
            with.
    """
    run = Run.load(out)
    with contextlib.closing(CheckpointStore(checkpoints(out))) as store:
        store.check_resumable()
    data = run.load_data()
    if data.fingerprint != run.fingerprint:
        raise UserError(
            f"dataset {run.task.dataset!r} is not the one that {out} was trained on: "
            f"fingerprint {data.fingerprint[:12]}, then {run.fingerprint[:12]}"
        )
    fit(_train_spec(run), run.training_arrays(data), Path(out), stop_step=stop_step, report=report)
    return run


def _check_no_goal(*named: tuple | None) -> None:
    names = [n for n, v in zip(("dims", "from", "value"), named, strict=True) if v]
    if names:
        raise UserError(
            f"data.goal 'reward' plans for rewards and to no state; leave out goal-{names[0]}, "
            "or set data.goal 'state'"
        )


def _check_tracked(layout: Layout) -> None:
    """Check that a tracker knows the states: those of a goal Dict taken whole are none it knows."""
    entries = [part[0] for part in layout.observation_shape or () if isinstance(part, tuple)]
    if "desired_goal" in entries:
        raise UserError(
            "data.goal 'reward' takes whole observations for states, which the task's tracker does "
            "not know; valid here: --planner.low-level-controller inverse"
        )


def _with_id(run: Run) -> Run:
    """The run with its environment as an id; one given otherwise must fit the dataset."""
    if isinstance(run.task.env, str):
        return run
    with open_env(run.task.env, run.task.env_kwargs) as env:
        run.check_env(env)
        env_id, env_kwargs = identify_env(env)
    task = dataclasses.replace(run.task, env=env_id, env_kwargs=env_kwargs)
    return dataclasses.replace(run, task=task)


def _begin(spec: TrainSpec, params: PyTree, out: Path) -> None:
    """Write the checkpoint of step 0, with these weights."""
    state = init_state(spec, params)
    with contextlib.closing(CheckpointStore(checkpoints(out))) as store:
        store.save(state)


def _train_spec(run: Run) -> TrainSpec:
    check_model(run.config.training.objective, run.model)
    return TrainSpec(run.model, run.config.data, run.config.training)
