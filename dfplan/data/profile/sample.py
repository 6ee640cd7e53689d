"""Sample: a little of a dataset, evenly over it, for pictures."""

import dataclasses

import numpy as np

from dfplan.data.minari_io import open_dataset
from dfplan.data.profile.measure import evenly_spaced_ids, read_episodes
from dfplan.representation.layout import Layout

EPISODES = 64
ROWS = 20_000
PATHS = 12
POINTS = 500


@dataclasses.dataclass(frozen=True)
class Sample:
    """Rows of up to 64 episodes.

    Attributes:
        state: `[K, S]`. action: `[K, A]`. About 20,000 rows at most.
        paths: states `[n, S]` of 12 episodes at most; of long ones the first 500 steps.
    """

    state: np.ndarray
    action: np.ndarray
    paths: tuple[np.ndarray, ...]


def take_sample(dataset_id: str, layout: Layout) -> Sample:
    """Read a sample of a dataset.

    Args:
        dataset_id: Minari id.
        layout: of its profile.

    Raises:
        UserError: no such dataset, or episodes that cannot be read.
    """
    dataset = open_dataset(dataset_id)
    ids = evenly_spaced_ids(dataset, EPISODES)
    states, actions, paths = [], [], []
    for episode in read_episodes(dataset, layout, ids):
        every = max(len(episode.state) * len(ids) // ROWS, 1)
        states.append(episode.state[::every])
        actions.append(episode.action[::every])
        paths.append(episode.state[:POINTS])
    chosen = np.unique(np.linspace(0, len(paths) - 1, PATHS).astype(int))
    return Sample(np.concatenate(states), np.concatenate(actions), tuple(paths[i] for i in chosen))
