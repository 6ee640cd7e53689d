"""Checks that datasets, environments and other settings fit what a run was trained with."""

import dataclasses
from typing import Any

from dfplan.config import Config, flatten
from dfplan.data.minari_io import Trajectories
from dfplan.representation.layout import Layout, layout_from_spaces
from dfplan.types import UserError


def check_dataset(layout: Layout, data: Trajectories) -> None:
    """Check that a dataset has the states, goals and actions of a run.

    Args:
        layout: Layout of the run.
        data: Dataset to check.

    Raises:
        UserError: If they differ; the message names both.
    """
    # Actions are learned in float32, whatever type a dataset stores them in.
    if dataclasses.replace(data.layout, action_dtype=layout.action_dtype) != layout:
        raise _mismatch(f"dataset {data.dataset_id!r}", actual=data.layout, trained=layout)


def check_env(layout: Layout, goal_dims: tuple[int, ...] | None, env: Any) -> None:
    """Check that an environment has the observations and actions of a run.

    Args:
        layout: Layout of the run.
        goal_dims: State dimensions that a goal fixes; None to detect them in a goal Dict.
        env: Gymnasium environment.

    Raises:
        UserError: If they differ; the message names both.
    """
    actual = layout_from_spaces(env.observation_space, env.action_space, goal_dims)
    if _describe_sizes(actual) != _describe_sizes(layout):
        name = env.spec.id if env.spec else env
        raise _mismatch(f"environment {name}", actual=actual, trained=layout)


def check_same_networks(trained: Config, config: Config) -> None:
    """Check that weights trained with some settings can initialize networks of other settings.

    Args:
        trained: Settings of the run that the weights come from.
        config: Settings of the new run.

    Raises:
        UserError: If a setting of the networks or of the diffusion differs.
    """
    valid_settings = _network_settings(trained)
    for name, value in _network_settings(config).items():
        valid = valid_settings[name]
        if value != valid:
            raise UserError(
                f"{name} {value!r} does not fit the initial weights; valid here: {valid!r}"
            )


def _network_settings(config: Config) -> dict[str, Any]:
    sections = config.to_dict()
    return flatten({name: sections[name] for name in ("net", "diffusion")})


def _mismatch(subject: str, *, actual: Layout, trained: Layout) -> UserError:
    actual_text = _describe_sizes(actual)
    trained_text = _describe_sizes(trained)
    if actual_text == trained_text:  # goal_dims or action bounds differ, which sizes do not show
        actual_text = str(actual)
        trained_text = str(trained)
    return UserError(f"{subject} has {actual_text}; this run was trained with {trained_text}")


def _describe_sizes(layout: Layout) -> str:
    kind = " (a goal Dict)" if layout.dict_observation else ""
    sizes = f"{layout.state_dim} states, {layout.goal_dim} goals and {layout.action_dim} actions"
    return sizes + kind
