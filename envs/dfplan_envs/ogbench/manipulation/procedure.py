"""OGBench's collection of manipulation data (`generate_manipspace.py`), one episode at a time.

A scripted policy pursues random targets, one after the other, through the whole episode:

- "play": it follows a plan of poses with smooth noise;
- "noisy": it reacts to the present state, with Gaussian noise on its actions, whose scale is drawn
  per episode, and with a share of random actions.

The policies and environments draw from NumPy's global generator. Each episode seeds it, and leaves
it as it was, so that an episode depends on its own seed alone.
"""

# ruff: noqa: NPY002

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from dfplan_envs.ogbench.episodes import Episode
from dfplan_envs.ogbench.manipulation.oracles import make_oracles
from dfplan_envs.ogbench.manipulation.scene import Scene

KINDS = ("play", "noisy")
NOISE = 0.1
"""Largest scale of the noise on actions of "noisy"."""
NOISE_RATIO = np.array([1.0, 1.0, 1.0, 3.0, 10.0])
"""Noise on each action relative to this scale: position, yaw, gripper."""
STACK_PROBABILITY = {1: (0.0, 0.0), 2: (0.0, 0.25), 3: (0.05, 0.35)}
"""Range of the probability of stacking cubes, drawn per episode, by their number."""
CUBE_POSITION = slice(14, 17)
"""Place of the scene's cube in `qpos`."""
MAX_Y = 0.29
MIN_Y = -0.3
DRAWER_Z = (0.06, 0.08)
"""Heights of a cube in the drawer, in meters."""


def simulate(scene: Scene, kind: str, seed: int, number: int, steps: int) -> Episode:
    """Simulate one episode; it depends on the arguments alone, not on earlier episodes.

    Args:
        scene: Environment.
        kind: One of `KINDS`.
        seed: Seed of the dataset.
        number: Number of the episode in the dataset.
        steps: Control steps, L.
    """
    for attempt in itertools.count():
        seeds = np.random.SeedSequence((seed, number, attempt)).generate_state(2).tolist()
        with _global_seed(seeds[0]):
            episode = _attempt(scene, kind, seeds[1], steps)
        if _is_healthy(scene, episode):
            return episode
    raise AssertionError  # unreachable


def _attempt(scene: Scene, kind: str, seed: int, steps: int) -> Episode:
    oracles = make_oracles(scene.env, kind)
    observation, info = scene.reset(seed)
    stack_probability = np.random.uniform(*_stack_range(scene.env))
    scale = np.random.uniform(0, NOISE) * NOISE_RATIO
    oracle = oracles[info["privileged/target_task"]]
    oracle.reset(observation, info)
    observations = [observation]
    states = [scene.state()]
    actions = []
    for _ in range(steps):
        if kind == "noisy" and np.random.rand() < _random_share(scene.env):
            action = np.random.uniform(-1, 1, len(NOISE_RATIO))
        else:
            action = np.asarray(oracle.select_action(observation, info))
            if kind == "noisy":
                action = action + scale * np.random.normal(size=len(action))
        # As datasets hold float32, the environment takes the same numbers.
        actions.append(np.clip(action, -1, 1).astype(np.float32))
        observation, info = scene.step(actions[-1])
        observations.append(observation)
        states.append(scene.state())
        if oracle.done:
            # As in OGBench, the first action for a new target is chosen with the step's own info.
            target_observation, target_info = scene.set_new_target(stack_probability)
            oracle = oracles[target_info["privileged/target_task"]]
            oracle.reset(target_observation, target_info)
    return Episode(
        np.stack(observations),
        np.stack(actions),
        {name: np.stack([state[name] for state in states]) for name in states[0]},
    )


def _stack_range(env: Any) -> tuple[float, float]:
    if hasattr(env, "_drawer_center") or not hasattr(env, "_num_cubes"):
        return (0.5, 0.5)
    return STACK_PROBABILITY[env._num_cubes]


def _random_share(env: Any) -> float:
    """Return the share of random actions of "noisy"."""
    return 0.2 if hasattr(env, "_num_rows") else 0.1


def _is_healthy(scene: Scene, episode: Episode) -> bool:
    """Return whether the scene's cube always stayed on the table or in the drawer."""
    if not hasattr(scene.env, "_drawer_center"):
        return True
    _, y, z = episode.states["qpos"][:, CUBE_POSITION].T
    in_drawer = (z >= DRAWER_Z[0]) & (z <= DRAWER_Z[1])
    return not ((y >= MAX_Y) | ((y <= MIN_Y) & ~in_drawer)).any()


@contextlib.contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator for the context."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)
