"""Observer: what a batch of robots observes, filtered where it is noisy, and kept for plans."""

import numpy as np
from jaxtyping import Bool, Float

from dfplan.control.estimator import Estimator, as_reading
from dfplan.control.history_buffer import HistoryBuffer
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.planner.plan import History, Weights
from dfplan.planner.protocol import Planner
from dfplan.types import UserError


class Observer:
    """Takes in readings and actions of `B` robots; tells their states and their history.

    Args:
        planner: says how noisy readings are, and what history it needs.
        weights: its normalisers.
        motion: what states are filtered by; without use where all readings are exact and there.
        batch: B.

    Raises:
        UserError: when states are to be filtered and there is no motion, or as many noises are
            declared as no state has dimensions.
    """

    def __init__(
        self, planner: Planner, weights: Weights, dynamics: LinearDynamics | None, batch: int
    ):
        config, self._weights = planner.config, weights
        self._level, self._missing = config.history.level, config.sensing.missing
        self._recorder = HistoryBuffer(planner.model.layout, config.history.tokens, batch)
        self._estimator = None
        if config.sensing.filters:
            if dynamics is None:
                raise UserError(
                    "planner.sensing.observation_noise and planner.sensing.missing need a motion"
                )
            self._schedule = planner.model.schedule
            self._estimator = Estimator(
                dynamics, weights.states, weights.actions, config.sensing.observation_noise, batch
            )

    def forget(self, mask: Bool[np.ndarray, "B"]) -> None:
        """Begin anew for the robots in `mask`."""
        self._recorder.forget(mask)
        if self._estimator is not None:
            self._estimator.forget(mask)

    def observe(self, reading: Float[np.ndarray, "B S"]) -> Float[np.ndarray, "B S"]:
        """Take in the present readings, SI units; returns the states to act on."""
        if self._estimator is None:
            self._recorder.observe(reading, self._level)
            return reading
        state, deviation = self._estimator.observe(reading)
        token, level = as_reading(self._schedule, self._weights.states, state, deviation)
        self._recorder.observe(token, np.maximum(level, self._level))
        return state

    def acted(self, action: Float[np.ndarray, "B A"]) -> None:
        """Take in the actions that follow."""
        self._recorder.acted(action)
        if self._estimator is not None:
            self._estimator.acted(action)

    def history(self, rows: np.ndarray, ahead: np.ndarray | None = None) -> History:
        """History tokens of the robots `rows` `[K]`, for a plan; see `HistoryBuffer.history`."""
        return self._recorder.history(rows, ahead)
