"""Search for the next actions: mutate the last plan, drive all candidates through the model."""

from dataclasses import dataclass

import numpy as np

from dfplan_envs.pointmaze.model import DT
from experiments.maze2d.geodesic import Field
from experiments.maze2d.physics import PointMass

BANG = np.array([-1.0, 0.0, 1.0])
CONSTANT = np.stack(np.meshgrid(BANG, BANG)).reshape(2, -1)
"""[2, 9] the actions of which plans are made."""
LOST = 1e6
"""Steps that are left to a ball inside a wall."""


@dataclass(frozen=True)
class SearchConfig:
    """Settings of the search.

    Attributes:
        horizon: control steps that a plan looks ahead; a full stop takes 21.
        candidates: plans compared at each step, at least 11.
        mutations: stretches of a candidate that push anew.
        stretch: mean length of a stretch, in control steps.
        first: rounds at the first step; each later step goes on from the last plan with one.
    """

    horizon: int = 40
    candidates: int = 128
    mutations: int = 2
    stretch: float = 8.0
    first: int = 8

    def __post_init__(self):
        if min(self.horizon, self.mutations, self.stretch, self.first) < 1 or self.candidates < 11:
            raise ValueError(
                "need horizon, mutations, stretch and first of at least 1, and candidates of at "
                f"least 11, got {self}"
            )


class Search:
    """Model-predictive control towards one goal, for a ball that is driven as it says.

    The cost of a plan is the steps that the ball spends outside the goal's disc, and those of the
    shortest way that is left behind the horizon. In the disc a plan gives way to `stay`.

    Args:
        mass: the dynamics.
        field: shortest ways to the goal.
        goal: [2] in metres.
        radius: of the goal's disc, in metres.
        rng: draws the mutations.
        config: settings.
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
        self._mass, self._field, self._goal, self._radius = mass, field, goal, radius
        self._rng, self._config = rng, config
        self._plan: np.ndarray | None = None

    def act(self, state: np.ndarray) -> np.ndarray:
        """Action [2], float32, in a state [4]."""
        rounds = 1
        if self._plan is None:
            self._plan, rounds = np.zeros((self._config.horizon, 2)), self._config.first
        for _ in range(rounds):
            candidates = self._candidates(self._plan)
            self._plan = candidates[..., self._cost(state, candidates).argmin()]
        action = self._plan[0].astype(np.float32)
        self._plan = np.concatenate([self._plan[1:], self._plan[-1:]])
        return action

    def _candidates(self, plan: np.ndarray) -> np.ndarray:
        """Actions [T, 2, N]: the plan [T, 2] first, then constant pushes, then its mutations."""
        config, rng = self._config, self._rng
        actions = np.repeat(plan[..., None], config.candidates, axis=-1)
        kept = 1 + CONSTANT.shape[1]
        actions[..., 1:kept] = CONSTANT
        mutants = actions[..., kept:]
        shape = mutants.shape[1:]
        time = np.arange(config.horizon)[:, None, None]
        for _ in range(config.mutations):
            # Some begin before the plan, so that its first steps change as often as the others.
            start = rng.integers(-int(config.stretch), config.horizon, shape)
            stop = start + rng.geometric(1 / config.stretch, shape)
            one_axis_or_both = rng.random(shape) < 0.6
            change = (time >= start) & (time < stop) & one_axis_or_both
            np.copyto(mutants, BANG[rng.integers(3, size=shape)], where=change)
        return actions

    def _cost(self, state: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Steps [N] that actions [T, 2, N] from a state [4] spend outside the disc."""
        count = actions.shape[-1]
        position, velocity = np.repeat(state[:, None], count, axis=1).reshape(2, 2, count)
        goal, walls = self._goal[:, None], self._field.walls
        inside, outside = np.zeros(count, bool), np.zeros(count)
        for action in actions:
            if inside.any():
                action = np.where(inside, stay(goal - position, velocity, self._mass), action)
            position, velocity = self._mass.step(position, velocity, action, walls)
            offset = goal - position
            inside = (offset * offset).sum(axis=0) <= self._radius**2
            outside += ~inside
        left = self._field(position) / (DT * self._mass.top_speed)
        return outside + np.where(inside, 0, np.minimum(left, LOST))


def stay(offset: np.ndarray, velocity: np.ndarray, mass: PointMass) -> np.ndarray:
    """Actions [2, N] that bring balls to rest at a goal `offset` [2, N] metres away.

    They steer for the goal with the point at which braking would end, as time-optimal control does.
    """
    stop = velocity * np.abs(velocity) / (2 * mass.push)
    return np.clip(12.5 * (offset - stop) - 0.5 * velocity, -1.0, 1.0)
