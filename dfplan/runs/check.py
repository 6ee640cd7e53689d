"""Checks that datasets, environments and other settings fit what a run was trained with."""

import dataclasses
from typing import Any

from dfplan.config import Config, flatten
from dfplan.data.training_data import TrainingData
from dfplan.representation.layout import Layout
from dfplan.representation.spaces import layout_from_spaces
from dfplan.tasks.author_warnings import hide_author_warnings
from dfplan.types import UserError


def check_dataset(layout: Layout, data: TrainingData) -> None:
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


def check_env(layout: Layout, env: Any) -> None:
    """Check that an environment has the observations and actions of a run.

    Args:
        layout: Layout of the run.
        env: Gymnasium environment.

    Raises:
        UserError: If they differ; the message names both.
    """
    subject = f"environment {env.spec.id if env.spec else env}"
    with hide_author_warnings():
        spaces = env.observation_space, env.action_space
    check_sizes(layout, *spaces, subject=subject)
    goal_dims = None if layout.append_achieved else layout.goal_dims
    actual = layout_from_spaces(*spaces, goal_dims)
    if _describe_sizes(actual) != _describe_sizes(layout):
        raise _mismatch(subject, actual=actual, trained=layout)


def check_sizes(layout: Layout, observation_space: Any, action_space: Any, *, subject: str) -> None:
    """Check that spaces have as many states and actions as a run, whatever their goals are.

    Args:
        layout: Layout of the run.
        observation_space: Gymnasium space of the observations.
        action_space: Gymnasium space of the actions.
        subject: What has these spaces, the subject of the error message.

    Raises:
        UserError: If the sizes differ; the message names both.
    """
    # The run's goal dimensions may lie outside of a smaller state, which would hide the reason.
    goal_dims = None if layout.goal_dims else ()
    actual = layout_from_spaces(observation_space, action_space, goal_dims)
    appended = layout.state_dim - layout.observation_dim
    sizes, trained = (
        f"{spaces.observation_dim + appended} states and {spaces.action_dim} actions"
        for spaces in (actual, layout)
    )
    if sizes != trained:
        raise UserError(f"{subject} has {sizes}; this run was trained with {trained}")


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
