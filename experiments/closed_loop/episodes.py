"""Episodes of a pretrained maze planner, played in MuJoCo or in one compiled program."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.agent import Agent
from dfplan.control.closed_loop import ClosedLoop
from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.play import run_episodes, stack
from dfplan.planner.plan import Weights
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run, load_weights
from dfplan.tasks.make_env import make_env
from dfplan_envs.pointmaze.env import PointMazeEnv
from dfplan_envs.pointmaze.physics import make_physics
from dfplan_envs.pointmaze.pursuit import track


@dataclasses.dataclass(frozen=True)
class MazePlayer:
    """A maze and its pretrained planner, which can play in MuJoCo or compiled.

    Attributes:
        run: Trained run.
        weights: Weights of the run.
        make: Makes the environment, with its time limit.
        length: Control steps per episode.
        env: Unwrapped environment, for starts, goals and rewards.
        loop: Planner, tracker and physics in JAX.
    """

    run: Run
    weights: Weights
    make: Callable[[], Any]
    length: int
    env: PointMazeEnv
    loop: ClosedLoop

    @classmethod
    def load(cls, name: str) -> "MazePlayer":
        """Load the pretrained planner of the maze of that name."""
        resolved = resolve_run(f"pointmaze-{name}")
        run = resolved.run
        make = functools.partial(make_env, run.task.env, run.task.env_kwargs)
        wrapped = make()
        assert wrapped.spec is not None and wrapped.spec.max_episode_steps is not None
        env: Any = wrapped.unwrapped
        physics = make_physics(env.maze, jnp)
        tracker = functools.partial(track, xp=jnp)
        return cls(
            run=run,
            weights=load_weights(run, resolved.directory),
            make=make,
            length=wrapped.spec.max_episode_steps,
            env=env,
            loop=ClosedLoop(run.make_planner(), run.layout, physics.step, tracker=tracker),
        )

    def play_compiled(self, seeds: np.ndarray) -> Episodes:
        """Play the episodes of the seeds in the compiled loop."""
        starts, goals = self._starts_and_goals(seeds)
        driven = self.loop.drive(
            self.weights, jnp.asarray(seeds), states=starts, goals=goals, length=self.length
        )
        states = np.asarray(driven.states)
        reward = self.env.compute_reward(states[..., :2], np.asarray(goals)[:, None])
        return Episodes(
            seeds=seeds,
            reward=reward[:, 1:],
            success=reward > 0,
            length=np.full(len(seeds), self.length),
            states=states,
            goals=np.asarray(goals),
        )

    def play_mujoco(self, seeds: np.ndarray) -> Episodes:
        """Play the same episodes side by side in Gymnasium environments."""
        agent = Agent.from_run(self.run, self.weights)
        layout = self.run.layout
        return run_episodes(agent, self.make, seeds, state=layout.state, goal=layout.goal)

    def _starts_and_goals(self, seeds: np.ndarray) -> tuple[jax.Array, jax.Array]:
        """Return the starts and goals that the environment draws for the seeds."""
        layout = self.run.layout
        observation = stack([self.env.reset(seed=int(seed))[0] for seed in seeds])
        return jnp.asarray(layout.state(observation)), jnp.asarray(layout.goal(observation))
