"""Collect what a policy does in any Gymnasium environment into a local Minari dataset."""

import contextlib
import shutil
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np

from dfplan.data.policy import make_policy
from dfplan.representation.layout import layout_from_spaces
from dfplan.tasks.make_env import open_env
from dfplan.types import Environment, UserError

REPORT_EVERY = 1000
SEEDS = 2**31
QUIET = (
    # Minari asks for a permalink and an address, which a local dataset has no use for.
    "`(code_permalink|author_email)` is set to None",
    # An environment that is not registered leaves nothing to make it again from.
    "`eval_env` is set to None",
    "env_spec is None",
    # Gymnasium's own checker says this once; Minari would at every step.
    "Observation is not in observation space",
)


def collect(
    env: Environment,
    dataset_id: str,
    *,
    steps: int,
    seed: int = 0,
    policy: Callable[..., Any] | None = None,
    env_kwargs: dict[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
):
    """Act and write what happened; the same seed gives the same data, if the policy's does.

    The last episode is truncated where `steps` ends it.

    Args:
        env: Gymnasium id, an environment or a function that makes one, whose observations dfplan
            can read and whose actions are a Box.
        dataset_id: Minari id to write; must be free.
        steps: control steps in all, at least 1.
        seed: seeds actions and resets.
        policy: as `dfplan.data.policy.make_policy` takes it, made anew for each episode; None for
            uniformly random actions, which needs a Box with bounds.
        env_kwargs: arguments of `gymnasium.make`.
        progress: called now and then with the steps done so far.

    Returns:
        The `minari.MinariDataset`.

    Raises:
        UserError: unknown environment, unsupported spaces, bad or taken dataset id, bad steps or
            seed, a policy that fails, or an environment that Minari cannot describe. Nothing is
            written then.
    """
    for name, value, low in (("steps", steps, 1), ("seed", seed, 0)):
        if value < low:
            raise UserError(f"{name} must be at least {low}, got {value}")
    from minari import DataCollector

    check_new_dataset_id(dataset_id)
    with open_env(env, env_kwargs) as inner, warnings.catch_warnings():
        for message in QUIET:
            warnings.filterwarnings("ignore", message=message)
        layout = layout_from_spaces(inner.observation_space, inner.action_space, None)
        if policy is None and layout.action_low is None:
            space = inner.action_space
            raise UserError(f"action space {space} is not supported; supported: Box with bounds")
        with contextlib.closing(DataCollector(_BorrowedEnv(inner))) as env:
            _drive(env, steps, seed, policy, progress or (lambda done: None))
            with atomic_dataset(dataset_id):
                return _write(env, dataset_id, seed, policy)


class DatasetExistsError(UserError):
    """A dataset of this id is there, which is another writer's."""


def check_new_dataset_id(dataset_id: str) -> None:
    """Check that a local dataset of this id can be written.

    Raises:
        UserError: when the id is malformed; DatasetExistsError when it is taken.
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
        raise DatasetExistsError(
            f"dataset {dataset_id!r} exists already, in {path}; give another id"
        )


@contextlib.contextmanager
def atomic_dataset(dataset_id: str) -> Iterator[None]:
    """Within this context a dataset is written; if that fails or is interrupted, none is left.

    Raises:
        UserError: when the id is malformed or taken.
    """
    from minari.storage import get_dataset_path

    check_new_dataset_id(dataset_id)
    try:
        yield
    except DatasetExistsError:  # meanwhile another process has written one, which stays
        raise
    except BaseException:
        shutil.rmtree(get_dataset_path(dataset_id), ignore_errors=True)
        raise


class _BorrowedEnv(gymnasium.Wrapper):
    """An environment for Minari's collector, which may neither close nor fail to describe it."""

    @property
    def spec(self):
        """What makes the environment again; None where JSON cannot hold that.

        So it is with an entry point that is a class and not a string.
        """
        spec = self.env.spec
        if spec is None:
            return None
        try:
            spec.to_json()
        except ValueError:
            return None
        return spec

    def close(self) -> None:
        """Leave that to the lender."""


def _drive(
    env,
    steps: int,
    seed: int,
    policy: Callable[..., Any] | None,
    progress: Callable[[int], None],
) -> None:
    seeds = np.random.default_rng(seed)
    env.action_space.seed(seed)
    over, observation = True, None
    act = lambda observation: env.action_space.sample()  # noqa: E731
    for step in range(steps):
        if over:
            # Unseeded, Minari would reset with a seed of its own.
            episode = int(seeds.integers(SEEDS))
            observation, _ = env.reset(seed=episode)
            if policy is not None:
                act = make_policy(policy, env.env, episode)
        observation, _, terminated, truncated, _ = env.step(act(observation))
        over = terminated or truncated
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
            progress(step + 1)


def _write(env, dataset_id: str, seed: int, policy: Callable[..., Any] | None):
    name = "uniform random actions" if policy is None else getattr(policy, "__name__", str(policy))
    return env.create_dataset(
        dataset_id,
        eval_env=env.env if env.spec else None,
        algorithm_name=f"{name}, seed {seed}",
        author="dfplan",
        description=f"Actions of {name}.",
    )
