"""Sampling-based search for actions: mutate the last plan and roll out all candidates."""

from dataclasses import dataclass

import numpy as np

from dfplan_envs.pointmaze.ball import ACCELERATION, DT
from dfplan_envs.pointmaze.pursuit import TOP_SPEED
from experiments.maze2d.references.geodesic import Field
from experiments.maze2d.references.physics import PointMass

BANG = np.array([-1.0, 0.0, 1.0])
CONSTANT = np.stack(np.meshgrid(BANG, BANG)).reshape(2, -1)
"""[2, 9] the actions that plans consist of."""
LOST = 1e6
"""Remaining steps of a ball inside a wall."""


@dataclass(frozen=True)
class SearchConfig:
    """Settings of the search.

    Attributes:
        horizon: Control steps that a plan looks ahead; a full stop takes 21.
        candidates: Plans compared at each step, at least 11.
        mutations: Stretches of a candidate that get a new action.
        stretch: Mean length of a stretch, in control steps.
        first: Search rounds at the first step; each later step refines the last plan in one round.
    """

    horizon: int = 40
    candidates: int = 128
    mutations: int = 2
    stretch: float = 8.0
    first: int = 8

    def __post_init__(self):
        if min(self.horizon, self.mutations, self.stretch, self.first) < 1 or self.candidates < 11:
            raise ValueError(
                "horizon, mutations, stretch and first must be at least 1, and candidates at least "
                f"11, got {self}"
            )


class Search:
    """Model-predictive control toward one goal.

    The cost of a plan is the number of steps that the ball spends outside the goal's disc, plus the
    steps of the shortest path that remains at the horizon. Inside the disc `stay` overrides a plan.

    Args:
        mass: Dynamics of the ball.
        field: Path lengths to the goal.
        goal: [2] goal in meters.
        radius: Radius of the goal's disc in meters.
        rng: Random generator of the mutations.
        config: Settings.
    """

    def __init__(
        self,
        mass: PointMass,
        field: Field,
        goal: np.ndarray,
        radius: float,
        rng: np.random.Generator,
        config: SearchConfig,
    ):
        self._mass = mass
        self._field = field
        self._goal = goal
        self._radius = radius
        self._rng = rng
        self._config = config
        self._plan: np.ndarray | None = None

    def act(self, state: np.ndarray) -> np.ndarray:
        """Return the action [2], float32, in a state [4]."""
        plan = self._plan
        rounds = 1
        if plan is None:
            plan = np.zeros((self._config.horizon, 2))
            rounds = self._config.first
        for _ in range(rounds):
            candidates = self._candidates(plan)
            plan = candidates[..., self._cost(state, candidates).argmin()]
        self._plan = np.concatenate([plan[1:], plan[-1:]])
        return plan[0].astype(np.float32)

    def _candidates(self, plan: np.ndarray) -> np.ndarray:
        """Return actions [T, 2, N]: the plan [T, 2], constant pushes, then the plan's mutations."""
        config = self._config
        rng = self._rng
        actions = np.repeat(plan[..., None], config.candidates, axis=-1)
        unmutated = 1 + CONSTANT.shape[1]
        actions[..., 1:unmutated] = CONSTANT
        mutants = actions[..., unmutated:]
        shape = mutants.shape[1:]
        time = np.arange(config.horizon)[:, None, None]
        for _ in range(config.mutations):
            # Some start before the plan, so that its first steps change as often as the others.
            start = rng.integers(-int(config.stretch), config.horizon, shape)
            stop = start + rng.geometric(1 / config.stretch, shape)
            one_axis_or_both = rng.random(shape) < 0.6
            change = (time >= start) & (time < stop) & one_axis_or_both
            np.copyto(mutants, BANG[rng.integers(3, size=shape)], where=change)
        return actions

    def _cost(self, state: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Return the steps [N] that actions [T, 2, N] from a state [4] spend outside the disc."""
        count = actions.shape[-1]
        position, velocity = np.repeat(state[:, None], count, axis=1).reshape(2, 2, count)
        goal = self._goal[:, None]
        inside = np.zeros(count, bool)
        outside_steps = np.zeros(count)
        for action in actions:
            if inside.any():
                action = np.where(inside, stay(goal - position, velocity, self._mass), action)
            position, velocity = self._mass.step(position, velocity, action, self._field.walls)
            offset = goal - position
            inside = (offset * offset).sum(axis=0) <= self._radius**2
            outside_steps += ~inside
        remaining = self._field(position) / (DT * TOP_SPEED)
        return outside_steps + np.where(inside, 0, np.minimum(remaining, LOST))


def stay(offset: np.ndarray, velocity: np.ndarray, mass: PointMass) -> np.ndarray:
    """Return actions [2, N] that bring balls to rest at a goal `offset` [2, N] meters away.

    They steer the point at which braking would end to the goal, as time-optimal control does.
    """
    stop = velocity * np.abs(velocity) / (2 * ACCELERATION)
    return np.clip(12.5 * (offset - stop) - 0.5 * velocity, -1.0, 1.0)
