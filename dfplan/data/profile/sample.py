"""A small, evenly spaced sample of a dataset, for figures."""

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
        state: `[K, S]`, about 20,000 rows at most.
        action: `[K, A]`, about 20,000 rows at most.
        paths: States `[n, S]` of at most 12 episodes, the first 500 steps of each.
    """

    state: np.ndarray
    action: np.ndarray
    paths: tuple[np.ndarray, ...]


def take_sample(dataset_id: str, layout: Layout) -> Sample:
    """Read a sample of a dataset.

    Args:
        dataset_id: Minari id.
        layout: Layout of its profile.

    Raises:
        UserError: If the dataset does not exist or an episode cannot be read.
    """
    dataset = open_dataset(dataset_id)
    ids = evenly_spaced_ids(dataset, EPISODES)
    states = []
    actions = []
    paths = []
    for episode in read_episodes(dataset, layout, ids):
        every = max(len(episode.state) * len(ids) // ROWS, 1)
        states.append(episode.state[::every])
        actions.append(episode.action[::every])
        paths.append(episode.state[:POINTS])
    chosen = np.unique(np.linspace(0, len(paths) - 1, PATHS).astype(int))
    return Sample(
        state=np.concatenate(states),
        action=np.concatenate(actions),
        paths=tuple(paths[i] for i in chosen),
    )
