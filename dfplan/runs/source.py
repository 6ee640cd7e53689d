"""Where training reads its data from: memory, or shards on disk."""

import os
from collections.abc import Callable
from pathlib import Path

import jax

from dfplan.config import Config
from dfplan.data.minari_io import load_trajectories, open_dataset
from dfplan.data.shards.layout import Choices, is_shards
from dfplan.data.shards.open import open_shards
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.trajectories import Trajectories
from dfplan.representation.config import DataConfig
from dfplan.representation.spaces import layout_from_spaces
from dfplan.types import UserError

COPIES = 4
"""Copies of the data that loading and normalizing them may hold at once."""
GIGABYTE = 1e9
WHY = {
    "data.stitch": "its graph has an entry per row",
    "data.single_moves": "its moves are found in all rows at once",
    "data.goal": "its critic and the quantiles of returns are fitted to all rows at once",
    "planner.low_level_controller": "its policy is fitted to all rows at once",
}
"""Why settings need it, by name."""
Notice = Callable[[str], None]
"""Function that is called with a line for the user."""


def choose_source(config: Config, dataset_id: str, notice: Notice) -> Config:
    """Return settings with `data.source` "memory" or "stream" in place of "auto".

    It is "stream" if the data would fill the memory of this machine or of its accelerator, unless
    other settings need them in memory.

    Args:
        config: Settings.
        dataset_id: Minari id, or directory of shards.
        notice: See `Notice`.

    Raises:
        UserError: If the dataset does not exist, or `data.source` "stream" excludes other settings.
    """
    needs = needs_memory(config)
    if config.data.source == "stream" and needs:
        raise UserError(
            f"{needs[0]} needs the whole dataset in memory ({WHY[needs[0].split()[0]]}); valid "
            "with it: data.source memory"
        )
    if config.data.source != "auto":
        return config
    if needs:
        return config.override({"data.source": "memory"})
    size = data_bytes(dataset_id)
    available = available_bytes()
    source = "stream" if COPIES * size > available else "memory"
    notice(
        f"data.source {source}: {size / GIGABYTE:,.2f} GB of data, {available / GIGABYTE:,.1f} GB "
        "of memory available"
    )
    return config.override({"data.source": source})


def needs_memory(config: Config) -> list[str]:
    """Return the settings that need the whole dataset in memory."""
    planner = config.planner
    name = f"planner.low_level_controller {planner.low_level_controller}"
    names = [name] if planner.uses_policy else []
    return names + list(config.data.needs_memory)


def data_bytes(dataset_id: str) -> int:
    """Return the size of a dataset's states and actions, in float32.

    Raises:
        UserError: If the dataset does not exist, or its spaces are not supported.
    """
    if is_shards(dataset_id):
        return ShardedTrajectories(Path(dataset_id)).data_bytes
    dataset = open_dataset(dataset_id)
    layout = layout_from_spaces(dataset.observation_space, dataset.action_space, None)
    rows = dataset.total_steps + dataset.total_episodes
    return 4 * rows * (layout.state_dim + layout.action_dim)


def available_bytes() -> int:
    """Return the memory that this machine, or its accelerator if that has less, has available."""
    page = os.sysconf("SC_PAGE_SIZE")
    available = page * os.sysconf("SC_PHYS_PAGES")
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            available = 1024 * int(value.split()[0])
    statistics = jax.local_devices()[0].memory_stats() or {}
    limit = statistics.get("bytes_limit")
    return available if limit is None else min(available, limit)


def load_source(
    config: DataConfig,
    dataset_id: str,
    choices: Choices,
    *,
    rewards: bool = False,
    notice: Notice | None = None,
) -> Trajectories | ShardedTrajectories:
    """Return a dataset for training, in memory or on disk as `data.source` says.

    Args:
        config: Data settings; `data.source` "auto" counts as "memory".
        dataset_id: Minari id, or directory of shards.
        choices: Choices about the states.
        rewards: Whether to load rewards.
        notice: See `Notice`.

    Raises:
        UserError: As `open_shards` and `load_trajectories`, or if shards are to give rewards.
    """
    if config.source == "stream":
        announced: set[str] = set()

        def tell(what: str, rows: int) -> None:
            if notice is not None and what not in announced:
                notice(f"{what} the rows of {dataset_id} for its shards on disk")
            announced.add(what)

        return open_shards(dataset_id, choices, tell)
    return load_memory(dataset_id, choices, rewards=rewards)


def load_memory(dataset_id: str, choices: Choices, *, rewards: bool) -> Trajectories:
    """Return a dataset in memory; see `load_source`."""
    if is_shards(dataset_id):
        if rewards:
            raise UserError(
                f"{dataset_id} holds shards, which have no rewards; needed for data.goal reward: "
                "the id of the dataset itself"
            )
        return open_shards(dataset_id, choices).load()
    return load_trajectories(
        dataset_id,
        goal_dims=choices.goal_dims,
        goal_from=choices.goal_from,
        goal_value=choices.goal_value,
        origin=choices.origin,
        rewards=rewards,
    )
