"""PeerActor: the trained policy of a peer, which acts without the peers' virtual environment."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments.locomotion.peers.run import act


class PeerActor:
    """A peer's policy with the interface of `dfplan.evaluation.play.run_episodes`.

    Args:
        path: Weights that `experiments/locomotion/peers/run.py` has written.
    """

    def __init__(self, path: Path):
        with np.load(path) as file:
            self._weights = dict(file)

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Do nothing, as the policy has no state."""

    def act(
        self,
        observation: np.ndarray,
        goal: np.ndarray | None = None,
        *,
        episode_over: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return actions `[B, A]` for a batch of observations; other arguments are ignored."""
        return act(self._weights, observation)
