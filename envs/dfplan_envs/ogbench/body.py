"""The interface of a maze's robot, for many of them at once."""

from typing import Protocol

import numpy as np


class Body(Protocol):
    """Steps `B` copies of a robot with the same arithmetic as its environment.

    Attributes:
        action_dim: Length A of an action.
    """

    action_dim: int

    def observe(self) -> np.ndarray:
        """Return observations `[B, O]`."""
        ...

    def positions(self) -> np.ndarray:
        """Return positions `[B, 2]`, x and y in meters."""
        ...

    def reset(self, positions: np.ndarray, rngs: list[np.random.Generator]) -> None:
        """Place all robots at `positions` `[B, 2]`, each in a pose drawn from its generator."""
        ...

    def place(self, rows: np.ndarray, positions: np.ndarray) -> None:
        """Move the robots `rows` `[R]` to `positions` `[R, 2]`; their poses stay the same."""
        ...

    def act(self, directions: np.ndarray) -> np.ndarray:
        """Return the actions `[B, A]` that move in `directions` `[B, 2]`, unit vectors."""
        ...

    def step(self, actions: np.ndarray) -> None:
        """Take a control step with actions `[B, A]`."""
        ...
