"""Collect random actions in any Gymnasium environment into a local Minari dataset."""

import contextlib
import shutil
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dfplan.data.layout import layout_from_spaces
from dfplan.data.make_env import make_env
from dfplan.types import UserError, one_line

REPORT_EVERY = 1000
SEEDS = 2**31
QUIET = (
    # Minari asks for a permalink and an address, which a local dataset has no use for.
    "`(code_permalink|author_email)` is set to None",
    # Gymnasium's own checker says this once; Minari would at every step.
    "Observation is not in observation space",
)


def collect_random(
    env_id: str,
    dataset_id: str,
    *,
    steps: int,
    seed: int = 0,
    env_kwargs: dict[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
):
    """Take uniformly random actions and write what happened; the same seed gives the same data.

    The last episode is truncated where `steps` ends it.

    Args:
        env_id: Gymnasium id of an environment whose observations dfplan can read and whose
            actions are a bounded Box.
        dataset_id: Minari id to write; must be free.
        steps: control steps in all, at least 1.
        seed: seeds actions and resets.
        env_kwargs: arguments of `gymnasium.make`.
        progress: called now and then with the steps done so far.

    Returns:
        The `minari.MinariDataset`.

    Raises:
        UserError: unknown environment, unsupported spaces, bad or taken dataset id, bad steps or
            seed, or an environment that Minari cannot describe.
    """
    for name, value, low in (("steps", steps, 1), ("seed", seed, 0)):
        if value < low:
            raise UserError(f"{name} must be at least {low}, got {value}")
    check_free(dataset_id)
    env = make_env(env_id, env_kwargs)
    try:
        layout = layout_from_spaces(env.observation_space, env.action_space, None)
        if layout.action_low is None:
            space = env.action_space
            raise UserError(f"action space {space} is not supported; supported: Box with bounds")
        env = _recorder(env, env_id)
        with warnings.catch_warnings():
            for message in QUIET:
                warnings.filterwarnings("ignore", message=message)
            _drive(env, steps, seed, progress or (lambda done: None))
            with whole_or_nothing(dataset_id):
                return _write(env, dataset_id, seed)
    finally:
        env.close()


def check_free(dataset_id: str) -> None:
    """Check that a local dataset of this id can be written.

    Raises:
        UserError: when the id is malformed or taken.
    """
    from minari.dataset.minari_dataset import parse_dataset_id
    from minari.storage import get_dataset_path

    try:
        parse_dataset_id(dataset_id)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"dataset id {dataset_id!r} is malformed; valid: name-v0 or namespace/name-v0"
        ) from error
    path = get_dataset_path(dataset_id)
    if path.exists():
        raise UserError(f"dataset {dataset_id!r} exists already, in {path}; give another id")


@contextlib.contextmanager
def whole_or_nothing(dataset_id: str) -> Iterator[None]:
    """Within this context a dataset is written; if that fails or is interrupted, none is left.

    Raises:
        UserError: when the id is malformed or taken.
    """
    from minari.storage import get_dataset_path

    check_free(dataset_id)
    try:
        yield
    except BaseException:
        shutil.rmtree(get_dataset_path(dataset_id), ignore_errors=True)
        raise


def _recorder(env, env_id: str):
    from minari import DataCollector

    try:
        return DataCollector(env)
    except ValueError as error:  # such as an entry point that is a class, which JSON cannot hold
        raise UserError(f"Minari cannot record {env_id!r}: {one_line(error)}") from error


def _drive(env, steps: int, seed: int, progress: Callable[[int], None]) -> None:
    seeds = np.random.default_rng(seed)
    env.action_space.seed(seed)
    over = True
    for step in range(steps):
        if over:
            # Unseeded, Minari would reset with a seed of its own.
            env.reset(seed=int(seeds.integers(SEEDS)))
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        over = terminated or truncated
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
            progress(step + 1)


def _write(env, dataset_id: str, seed: int):
    return env.create_dataset(
        dataset_id,
        eval_env=env.env,
        algorithm_name=f"uniform random actions, seed {seed}",
        author="dfplan",
        description="Uniformly random actions.",
    )
