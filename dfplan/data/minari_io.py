"""Read Minari datasets into `Trajectories`, checked before any training."""

import dataclasses
import importlib.util

import numpy as np

from dfplan.data.episode_rows import (
    check_no_offset,
    have_terminated,
    read_rewards,
    read_rows,
)
from dfplan.data.goal_intervals import goal_intervals
from dfplan.data.store.dataset import Dataset
from dfplan.data.store.listing import local_ids
from dfplan.data.store.root import datasets_root, is_dataset_id
from dfplan.data.trajectories import Trajectories, from_rows
from dfplan.representation.goal_dims import find_goal_dims
from dfplan.representation.origin import choose_origin
from dfplan.representation.spaces import layout_from_spaces
from dfplan.tasks.registry import all_tasks
from dfplan.types import UserError, one_line


def open_dataset(dataset_id: str) -> Dataset:
    """Return a Minari dataset, downloaded by Minari if it is not local.

    Raises:
        UserError: If the dataset does not exist (the message lists the local ones) or is damaged.
    """
    data = datasets_root() / dataset_id / "data"
    if not is_dataset_id(dataset_id) or not data.exists():
        _download(dataset_id)
    return Dataset(dataset_id, data)


def _download(dataset_id: str) -> None:
    import minari

    missing = (
        f"{dataset_id!r} is no local dataset and no directory of complete shards; local: "
        f"{', '.join(local_ids()) or 'none'}"
    )
    missing += _collect_hint(dataset_id)
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UserError(f'{missing}; to download it from Minari: pip install "dfplan[remote]"')
    try:
        minari.download_dataset(dataset_id)
    except Exception as error:  # Minari raises many kinds: no network, unknown or malformed id
        raise UserError(f"{missing}; Minari's remote: {one_line(error)}") from error


def _collect_hint(dataset_id: str) -> str:
    """Return the command that collects the dataset of a task; empty without one."""
    for task in all_tasks().values():
        if task.dataset == dataset_id and (task.collector or task.policy):
            return f"; to collect it: dfplan collect {task.name}"
    return ""


def load_trajectories(
    dataset_id: str,
    goal_dims: tuple[int, ...] | None = None,
    goal_from: tuple[int, ...] = (),
    goal_value: tuple[float, ...] = (),
    *,
    origin: tuple[float, ...] | None = None,
    rewards: bool = False,
) -> Trajectories:
    """Read a Minari dataset into flat arrays.

    Args:
        dataset_id: Minari id.
        goal_dims: State dimensions that a goal fixes. None detects them for goal-Dict observations
            and means no goal for others; an empty tuple means no goal.
        goal_from: Observation dimensions that hold the desired goal; see `Layout`.
        goal_value: Constant desired goal; see `Layout`.
        origin: Offsets of the state dimensions, see `Layout`; None derives them from the data.
        rewards: Whether to read rewards, and which episodes terminated.

    Raises:
        UserError: If the id is unknown, the spaces are not supported, there are no steps, an array
            differs in shape from its space, a value is NaN or infinite (the message names the
            first episode and step), actions have an offset that is too large for float32, or
            rewards are requested and all equal.
    """
    dataset = open_dataset(dataset_id)
    observation_space = dataset.observation_space
    action_space = dataset.action_space
    layout = layout_from_spaces(
        observation_space, action_space, goal_dims, goal_from=goal_from, goal_value=goal_value
    )
    step_arrays = ("rewards", "terminations") if rewards else ()
    episodes = [e for e in dataset.iterate_episodes(step_arrays=step_arrays) if len(e)]
    if not episodes:
        raise UserError(f"dataset {dataset_id!r} has no steps; needed: an episode of at least one")
    rows = read_rows(episodes, layout, dataset_id)
    first_steps = rows.start - np.arange(len(rows.start))  # an episode has a step less than rows
    check_no_offset(choose_origin(rows.raw_action, first_steps), dataset_id)
    state = rows.state
    if layout.append_achieved:
        dim = layout.observation_dim
        detected_dims = find_goal_dims(state[:, :dim], state[:, dim:])
        if detected_dims is not None:
            layout = layout_from_spaces(observation_space, action_space, detected_dims)
            state = state[:, :dim]
    origin = choose_origin(state, rows.start) if origin is None else origin
    layout = dataclasses.replace(layout, origin=origin)
    return from_rows(
        layout.to_local(state),
        rows.action,
        rows.length,
        layout,
        dataset_id=dataset_id,
        goal_intervals=goal_intervals(layout.local_goal(rows.observations), rows.start),
        reward=read_rewards(episodes, dataset_id) if rewards else None,
        terminated=have_terminated(episodes) if rewards else None,
    )
