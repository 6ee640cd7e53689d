"""Actors: the stochastic policies from which the datasets are collected, small networks in NumPy.

`experiments/locomotion` trains them. A robot's file holds the actor at several points of its
training.
"""

import functools
from importlib.resources import as_file, files
from typing import NamedTuple

import numpy as np

from dfplan_envs.dense import Layer, apply_layer

PACKAGE = "dfplan_envs.locomotion"
LOG_STD_BOUNDS = (-20.0, 2.0)
"""Bounds of the logarithm of the standard deviation, those of SBX."""


class Actor(NamedTuple):
    """A policy whose actions are tanh(mean + std * noise), each between -1 and 1.

    Attributes:
        hidden: Hidden layers, each followed by a rectifier.
        mean: Layer of the mean.
        log_std: Layer of the logarithm of the standard deviation.
    """

    hidden: tuple[Layer, ...]
    mean: Layer
    log_std: Layer

    def act(self, observations: np.ndarray, noise: np.ndarray | None = None) -> np.ndarray:
        """Return actions `[B, A]`.

        Args:
            observations: `[B, S]`.
            noise: `[B, A]`, standard normal; None for the actions of the mean.
        """
        x = observations.astype(np.float32)
        for layer in self.hidden:
            x = np.maximum(apply_layer(layer, x), 0.0)
        output = apply_layer(self.mean, x)
        if noise is not None:
            std = np.exp(np.clip(apply_layer(self.log_std, x), *LOG_STD_BOUNDS))
            output = output + std * noise.astype(np.float32)
        return np.tanh(output)


class Snapshot(NamedTuple):
    """An actor at one point of its training.

    Attributes:
        actor: Actor.
        steps: Environment steps of training.
        mean_return: Mean return of episodes with the actor's noise.
    """

    actor: Actor
    steps: int
    mean_return: float


def stack_snapshots(snapshots: list[Snapshot]) -> dict[str, np.ndarray]:
    """Return the arrays of a file of snapshots; weights in half precision."""
    arrays = {
        "steps": np.array([s.steps for s in snapshots]),
        "mean_return": np.array([s.mean_return for s in snapshots]),
    }
    layers = [[*s.actor.hidden, s.actor.mean, s.actor.log_std] for s in snapshots]
    for k in range(len(layers[0])):
        arrays[f"kernel{k}"] = np.stack([each[k][0] for each in layers]).astype(np.float16)
        arrays[f"bias{k}"] = np.stack([each[k][1] for each in layers]).astype(np.float16)
    return arrays


def unstack_snapshots(arrays: dict[str, np.ndarray]) -> list[Snapshot]:
    """Return the snapshots of `stack_snapshots`."""
    depth = len([name for name in arrays if name.startswith("kernel")])
    snapshots = []
    for i, steps in enumerate(arrays["steps"]):
        layers = [
            (arrays[f"kernel{k}"][i].astype(np.float32), arrays[f"bias{k}"][i].astype(np.float32))
            for k in range(depth)
        ]
        actor = Actor(tuple(layers[:-2]), mean=layers[-2], log_std=layers[-1])
        snapshots.append(Snapshot(actor, int(steps), float(arrays["mean_return"][i])))
    return snapshots


@functools.cache
def load_snapshots(robot: str) -> list[Snapshot]:
    """Return the snapshots that ship for a robot, in the order of training.

    All but the last are from the start of the training to the medium policy; the last one is the
    expert.

    Args:
        robot: Name of a robot with shipped policies, such as "hopper".
    """
    with as_file(files(PACKAGE) / f"{robot}.npz") as path, np.load(path) as file:
        return unstack_snapshots(dict(file))
