"""Episodes of a trained maze, played in MuJoCo by an agent or in one compiled program."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.agent import Agent
from dfplan.closed_loop import ClosedLoop
from dfplan.data.make_env import make_env
from dfplan.episodes import Episodes
from dfplan.evaluate import run_episodes, stack
from dfplan.find import find_run
from dfplan.planner.plan import Weights
from dfplan.run import Run, load_weights
from dfplan_envs.pointmaze.env import PointMazeEnv
from dfplan_envs.pointmaze.physics import make_physics
from dfplan_envs.pointmaze.pursuit import track

MAZES = ("umaze", "medium", "large")


@dataclasses.dataclass(frozen=True)
class Maze:
    """A maze with its trained planner, for both ways to play.

    Attributes:
        run: trained. weights: its.
        make: makes the environment, with its time limit.
        length: control steps of an episode.
        rules: an environment, which says what a step is worth.
        loop: planner, tracker and physics in JAX.
    """

    run: Run
    weights: Weights
    make: Callable[[], Any]
    length: int
    rules: PointMazeEnv
    loop: ClosedLoop

    @classmethod
    def load(cls, name: str) -> "Maze":
        """The maze of that name."""
        found = find_run(f"pointmaze-{name}")
        run = found.run
        make = functools.partial(make_env, run.task.env, run.task.env_kwargs)
        env = make()
        rules: Any = env.unwrapped
        physics = make_physics(rules.maze, jnp)
        tracker = functools.partial(track, xp=jnp)
        loop = ClosedLoop(run.planner, run.layout, physics.step, tracker)
        assert env.spec is not None and env.spec.max_episode_steps is not None
        length = env.spec.max_episode_steps
        return cls(run, load_weights(run, found.directory), make, length, rules, loop)

    def compiled(self, seeds: np.ndarray) -> Episodes:
        """The episodes of the seeds, in the compiled loop."""
        starts, goals = self._begin(seeds)
        driven = self.loop.drive(
            self.weights, jnp.asarray(seeds), starts, goals, length=self.length
        )
        states = np.asarray(driven.states)
        reward = self.rules.compute_reward(states[..., :2], np.asarray(goals)[:, None])
        lengths = np.full(len(seeds), self.length)
        return Episodes(seeds, reward[:, 1:], reward > 0, lengths, states, np.asarray(goals))

    def mujoco(self, seeds: np.ndarray) -> Episodes:
        """The same episodes, side by side in Gymnasium's environments."""
        agent, layout = Agent.of(self.run, self.weights), self.run.layout
        return run_episodes(agent, self.make, seeds, state=layout.state, goal=layout.goal)

    def _begin(self, seeds: np.ndarray) -> tuple[jax.Array, jax.Array]:
        """The environment's own starts and goals."""
        layout = self.run.layout
        observation = stack([self.rules.reset(seed=int(seed))[0] for seed in seeds])
        return jnp.asarray(layout.state(observation)), jnp.asarray(layout.goal(observation))
