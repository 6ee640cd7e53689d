"""What a run fits to its dataset before training: statistics, critics, low-level policy."""

import dataclasses
import itertools
import warnings
from collections.abc import Callable

import numpy as np

from dfplan.config import Config
from dfplan.control.linear_dynamics import LinearDynamics, fitted_rows
from dfplan.data.goal_intervals import window_tokens
from dfplan.data.training_arrays import TrainingArrays, fit_normalizers
from dfplan.data.training_data import TrainingData
from dfplan.data.trajectories import Trajectories
from dfplan.nets.mlp_fit import Progress
from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.planner.support import DataSupport
from dfplan.policy.fit import fit_policy
from dfplan.representation.layout import Layout
from dfplan.representation.narrow import describe_narrow, is_narrow
from dfplan.representation.normalizer import Normalizer
from dfplan.runs.check import check_same_networks
from dfplan.runs.data import load_data, moves_of, prepare_arrays
from dfplan.runs.run import Run
from dfplan.tasks.registry import Task
from dfplan.types import UserError
from dfplan.util.versions import installed_versions
from dfplan.value.action_fit import fit_action_critic
from dfplan.value.dataset import learn_critic

MAX_TOLERANCE = 0.5
"""Largest tolerance of arrival, relative to the spread of the data's goals."""
TOLERANCE = 0.05
"""Tolerance that replaces a larger one, relative to the spread of the data's goals."""

FitProgress = Callable[[str, int, int], None]
"""Function of the name of what is learned, the optimizer steps taken, and their total number."""


def fit_run(
    task: Task,
    config: Config,
    data: TrainingData,
    *,
    command: str = "",
    init_from: Run | None = None,
) -> Run:
    """Return a new run, with all that is fitted to its dataset, such as normalizers and dynamics.

    Args:
        task: Task that the run is for.
        config: Settings; `data.tokens` 0 becomes the window length derived from the data.
        data: Dataset.
        command: Command line to record in the run.
        init_from: Run whose weights initialize the new one; its normalizers are reused.

    Raises:
        UserError: If `init_from` has another layout or other networks.
    """
    states, actions = fit_normalizers(data)
    if init_from is None:
        _warn_of_narrow(data.layout, states, actions)
    else:
        init_from.check_dataset(data)
        check_same_networks(init_from.config, config)
        states = init_from.states
        actions = init_from.actions
    if not config.data.tokens:
        tokens = window_tokens(data.goal_intervals, config.data.stride)
        config = config.override({"data.tokens": tokens})
    config = _fit_tolerance(config, states.take(data.layout.goal_dims))
    run = Run(
        task=task,
        config=config,
        layout=data.layout,
        states=states,
        actions=actions,
        support=_fit_support(data, states),
        fingerprint=data.fingerprint,
        command=command,
        versions=installed_versions(),
        dynamics=_fit_dynamics(task, data, states, actions),
    )
    if config.data.single_moves:
        assert isinstance(data, Trajectories)  # moves are only found in data in memory
        moves = moves_of(run, data)
        observed = ObservedMoves.of(data, moves, run.objects, task.goal_scale)
        observed.check_fits(data.layout.state_dim, data.layout.goal_dims)
        run = dataclasses.replace(run, moves=observed)
    if not run.reward_conditioned:
        return run
    assert isinstance(data, Trajectories)  # rewards are only learned from data in memory
    critic = learn_critic(
        data, states, config.value, stride=config.data.stride, seed=config.training.seed
    )
    return dataclasses.replace(run, critic=critic)


def learn_before_training(
    run: Run,
    data: TrainingData,
    training_arrays: TrainingArrays,
    progress: FitProgress | None = None,
) -> tuple[Run, TrainingArrays]:
    """Return a run with the action critic and the low-level policy that its planner needs.

    The action critic changes the training arrays, so they are returned too.

    Args:
        run: Run of `fit_run`.
        data: Its dataset.
        training_arrays: Its dataset in the form that training takes.
        progress: See `FitProgress`.

    Raises:
        UserError: If settings do not fit the dataset.
    """

    def report(what: str, steps: int) -> Progress:
        return lambda step: progress(what, step, steps) if progress is not None else None

    if run.config.planner.uses_action_critic:
        steps = run.config.action_value.steps
        assert isinstance(data, Trajectories)  # rewards are only learned from data in memory
        run = _learn_action_critic(run, data, report("action values", steps))
        training_arrays = prepare_arrays(run, data)
    run = learn_policy(run, training_arrays, report("low-level policy", run.config.policy.steps))
    return run, training_arrays


def _learn_action_critic(run: Run, data: Trajectories, progress: Progress | None) -> Run:
    critic = fit_action_critic(
        data,
        run.config.action_value,
        states=run.states,
        actions=run.actions,
        discount=run.config.value.discount,
        seed=run.config.training.seed,
        progress=progress,
    )
    return dataclasses.replace(run, action_critic=critic)


def learn_policy(
    run: Run, training_arrays: TrainingArrays, progress: Progress | None = None
) -> Run:
    """Return a run with its low-level policy; the same run if it learns none.

    Args:
        run: Run of `fit_run`.
        training_arrays: Its dataset.
        progress: Function that is called with the number of optimizer steps taken so far.

    Raises:
        UserError: If the policy's settings do not fit the dataset.
    """
    if not run.config.planner.uses_policy:
        return run
    policy = fit_policy(
        training_arrays,
        run.config.policy,
        target_dims=_target_dims(run),
        stride=run.config.data.stride,
        seed=run.config.training.seed,
        progress=progress,
    )
    return dataclasses.replace(run, policy=policy)


def _target_dims(run: Run) -> tuple[int, ...]:
    """Return the state dimensions that a target of the low-level policy fixes."""
    planned = run.model.layout.planned_dims
    for dim in run.config.policy.target_dims:
        if dim not in planned:
            valid = ", ".join(map(str, planned))
            raise UserError(f"policy.target_dims {dim} is not planned; valid: {valid}")
    return run.config.policy.target_dims or run.layout.goal_dims or planned


def get_dynamics(run: Run) -> LinearDynamics:
    """Return a run's linear dynamics, fitted to its dataset if the run holds none.

    Raises:
        UserError: If the run holds none, and its dataset is not on this machine or its layout has
            changed.
    """
    if run.dynamics is not None:
        return run.dynamics
    return _fit_dynamics(run.task, load_data(run), run.states, run.actions)


def _warn_of_narrow(layout: Layout, states: Normalizer, actions: Normalizer) -> None:
    """Warn of dimensions that may hold drift alone; those of known noise have larger scales."""
    size = layout.observation_dim
    names = [f"observation {i}" for i in range(size)]
    names += [f"achieved_goal {i}" for i in range(layout.state_dim - size)]
    names += [f"action {i}" for i in range(layout.action_dim)]
    state_mean = layout.to_global(np.asarray(states.mean, np.float64))
    mean = np.concatenate([state_mean, np.asarray(actions.mean, np.float64)])
    std = np.concatenate([states.std, actions.std]).astype(np.float64)
    dims = np.flatnonzero(is_narrow(mean, std))
    if len(dims):
        text = describe_narrow([names[i] for i in dims], mean[dims].tolist(), std[dims].tolist())
        warnings.warn(text, stacklevel=3)


def _fit_tolerance(config: Config, goals: Normalizer) -> Config:
    """Return settings with a goal tolerance that does not count every plan as arrived.

    A tolerance of more than half the goals' spread is meant for another scale, such as the default
    of 0.1 m for a stage that moves by micrometers. It becomes `TOLERANCE` times the spread.
    """
    spread = float(np.linalg.norm(goals.std))
    if not spread or config.planner.goal.tolerance <= MAX_TOLERANCE * spread:
        return config
    return config.override({"planner.goal.tolerance": TOLERANCE * spread})


def _fit_support(data: TrainingData, states: Normalizer) -> DataSupport | None:
    """Return the data support; None if a goal dimension is nearly constant."""
    dims = list(data.layout.goal_dims)
    columns = data.state_columns
    extent = (columns.high - columns.low).astype(np.float32)
    if (extent < np.asarray(states.std))[dims].any():
        return None
    return DataSupport.from_grid(data.goal_grid())


def _fit_dynamics(
    task: Task, data: TrainingData, states: Normalizer, actions: Normalizer
) -> LinearDynamics:
    objects = list(itertools.chain.from_iterable(task.objects))
    size = data.layout.state_dim
    for dim in itertools.chain.from_iterable(objects):
        if not 0 <= dim < size:
            raise UserError(f"Task.objects has state dimension {dim}; valid: 0 to {size - 1}")
    rows = fitted_rows(data.start, data.length)
    current, action = data.take(rows)
    following, _ = data.take(rows + 1)
    columns = data.state_columns
    # Together, as XLA rounds the division of a single row differently.
    joined = np.concatenate([current, following, np.stack([columns.low, columns.high])])
    encoded = np.asarray(states.encode(joined.astype(np.float32)))
    count = len(rows)
    return LinearDynamics.fit(
        current=encoded[:count],
        action=np.asarray(actions.encode(np.concatenate([action, action])))[:count],
        following=encoded[count : 2 * count],
        low=encoded[-2],
        high=encoded[-1],
        objects=objects,
    )
