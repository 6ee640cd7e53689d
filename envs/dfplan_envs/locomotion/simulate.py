"""Simulation of actors: streams of episodes, in which the actor may change as in a training."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from minari.data_collector import EpisodeBuffer

from dfplan_envs.buffers import make_buffer
from dfplan_envs.locomotion.actor import Actor

STREAMS = 20
"""Environments that are simulated at once, each with its own actor noise."""
SEEDS = 2**31
REPORT_EVERY = 1000


class Stage(NamedTuple):
    """A number of control steps with one actor.

    Attributes:
        actor: Actor; None for uniformly random actions.
        steps: Control steps of all streams together.
    """

    actor: Actor | None
    steps: int


def simulate(
    env_id: str,
    stages: Sequence[Stage],
    *,
    seed: np.random.SeedSequence,
    env_kwargs: dict[str, Any],
    progress: Callable[[int], None],
) -> Iterator[EpisodeBuffer]:
    """Yield the episodes of all streams, which play one episode after another.

    An episode under way continues with the next stage's actor, as in a training; the end of the
    last stage truncates it.

    Args:
        env_id: Gymnasium id of an environment whose actions are between -1 and 1.
        stages: Stages, in order.
        seed: Seed of resets and of the actors' noise.
        env_kwargs: Arguments of `gymnasium.make`.
        progress: Function that is called with the number of steps simulated so far.
    """
    total = sum(stage.steps for stage in stages)
    count = min(STREAMS, total)
    seeds = seed.spawn(count)
    streams = [_Stream(gym.make(env_id, **env_kwargs), child) for child in seeds]
    schedule = _schedule(stages)
    done = 0
    while done < total:
        # The streams that still have a step to take: all but in the last round.
        active = streams[: total - done]
        actions = _act(next(schedule), active)
        for stream, action in zip(active, actions, strict=True):
            yield from stream.step(action)
        done += len(active)
        for _ in active[1:]:
            next(schedule)
        if done % REPORT_EVERY < count:
            progress(done)
    for stream in streams:
        yield from stream.finish()


def _schedule(stages: Sequence[Stage]) -> Iterator[Actor | None]:
    """Yield the actor of each control step."""
    for stage in stages:
        for _ in range(stage.steps):
            yield stage.actor


def _act(actor: Actor | None, streams: Sequence["_Stream"]) -> np.ndarray:
    """Return the action of each stream."""
    if actor is None:
        return np.stack([stream.random_action() for stream in streams])
    observations = np.stack([stream.observation for stream in streams])
    noise = np.stack([stream.noise() for stream in streams])
    return actor.act(observations, noise)


class _Stream:
    """An environment in which one episode follows another, and the episode under way."""

    def __init__(self, env: gym.Env, seed: np.random.SeedSequence):
        self._env = env
        self._rng = np.random.default_rng(seed)
        self._shape = env.action_space.shape
        self._reset()

    @property
    def observation(self) -> np.ndarray:
        return self._observations[-1]

    def noise(self) -> np.ndarray:
        return self._rng.normal(size=self._shape)

    def random_action(self) -> np.ndarray:
        return self._rng.uniform(-1.0, 1.0, size=self._shape).astype(np.float32)

    def step(self, action: np.ndarray) -> Iterator[EpisodeBuffer]:
        """Take a control step; yield the episode if it ends."""
        observation, reward, terminated, truncated, _ = self._env.step(action)
        self._observations.append(observation)
        self._actions.append(action)
        self._rewards.append(float(reward))
        if terminated or truncated:
            yield self._episode(terminated)
            self._reset()

    def finish(self) -> Iterator[EpisodeBuffer]:
        """Yield the episode under way, truncated, unless it has no step yet."""
        if self._actions:
            yield self._episode(terminated=False)
        self._env.close()

    def _reset(self) -> None:
        seed = int(self._rng.integers(SEEDS))
        observation, _ = self._env.reset(seed=seed)
        self._seed = seed
        self._observations = [observation]
        self._actions: list[np.ndarray] = []
        self._rewards: list[float] = []

    def _episode(self, terminated: bool) -> EpisodeBuffer:
        return make_buffer(
            np.stack(self._observations),
            np.stack(self._actions),
            np.array(self._rewards),
            terminated=terminated,
            seed=self._seed,
        )
