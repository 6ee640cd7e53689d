"""The dataset of a run: loading it, and converting it to the form that training takes."""

import numpy as np

from dfplan.data.chance import split_at_chance
from dfplan.data.moves import Moves, find_moves, isolate_moves
from dfplan.data.shards.chance import split_shards_at_chance
from dfplan.data.shards.open import choices_of
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.stream import Scale, WindowStream
from dfplan.data.training_arrays import TrainingArrays, make_training_arrays
from dfplan.data.trajectories import Trajectories
from dfplan.representation.config import DataConfig
from dfplan.runs.run import Run
from dfplan.runs.source import load_memory, load_source
from dfplan.value.dataset import advantage_quantiles, return_quantiles


def load_data(run: Run, dataset_id: str = "") -> Trajectories:
    """Load a dataset into memory with a run's layout, split into episodes as for its training.

    Args:
        run: Run.
        dataset_id: Minari id, or directory of shards; the training dataset if empty.

    Raises:
        UserError: If it is not on this machine, or has other states, goals or actions.
    """
    dataset_id = dataset_id or run.task.dataset
    run.check_sizes(dataset_id)
    data = load_memory(dataset_id, choices_of(run.layout), rewards=run.reward_conditioned)
    run.check_dataset(data)
    return split_at_chance(data) if run.config.data.split_at_chance else data


def load_training_data(run: Run) -> Trajectories | ShardedTrajectories:
    """Return a run's training dataset, in memory or on disk as `data.source` says.

    Raises:
        UserError: See `load_data`.
    """
    if run.config.data.source != "stream":
        return load_data(run)
    data = load_source(run.config.data, run.task.dataset, choices_of(run.layout))
    run.check_dataset(data)
    return split_episodes(data, run.config.data)


def split_episodes(
    data: Trajectories | ShardedTrajectories, config: DataConfig
) -> Trajectories | ShardedTrajectories:
    """Return a dataset with episodes split where steps were random, if the settings ask for it.

    Raises:
        UserError: If it has no goal dimensions in which to judge steps.
    """
    if not config.split_at_chance:
        return data
    return split_at_chance(data) if isinstance(data, Trajectories) else split_shards_at_chance(data)


def prepare_source(
    run: Run, data: Trajectories | ShardedTrajectories
) -> TrainingArrays | WindowStream:
    """Return a dataset, in memory or on disk, in the form that training takes.

    Args:
        run: Run with normalizers and critics.
        data: Dataset with episodes split as for the run's training.
    """
    if isinstance(data, Trajectories):
        return prepare_arrays(run, data)
    return WindowStream(
        data,
        run.model.layout,
        config=run.config.data,
        scale=Scale(states=run.states, actions=run.actions),
        batch=run.config.training.batch_size,
        seed=run.config.training.seed,
    )


def prepare_arrays(run: Run, data: Trajectories) -> TrainingArrays:
    """Return a dataset in memory in the form that training takes; see `prepare_source`."""
    quantile = _quantiles(run, data)
    return make_training_arrays(
        _isolate_moves(run, data) if run.config.data.single_moves else data,
        run.config.data,
        states=run.states,
        actions=run.actions,
        return_quantile=quantile,
    )


def moves_of(run: Run, data: Trajectories) -> Moves:
    """Return the moves of the objects of a run's task.

    Raises:
        UserError: See `dfplan.data.moves.find_moves`.
    """
    return find_moves(
        data,
        run.objects,
        tolerance=run.config.planner.goal.tolerance,
        stride=run.config.data.stride,
    )


def _quantiles(run: Run, data: Trajectories) -> np.ndarray | None:
    """Return the quantiles of advantages or returns that plans are conditioned on, if they are."""
    if run.action_critic is not None:
        return advantage_quantiles(data, run.states, run.actions, critic=run.action_critic)
    if run.critic is None:
        return None
    return return_quantiles(
        data,
        run.states,
        run.critic,
        config=run.config.value,
        stride=run.config.data.stride,
    )


def _isolate_moves(run: Run, data: Trajectories) -> Trajectories:
    """Return a dataset with an episode for each move of an object."""
    return isolate_moves(
        data,
        moves_of(run, data),
        run.objects,
        hidden=np.asarray(run.states.mean),
        stride=run.config.data.stride,
        lead=run.config.data.move_lead,
        tail=run.config.data.move_tail,
    )
