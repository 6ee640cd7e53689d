"""Collect a policy's episodes in any Gymnasium environment as a local Minari dataset."""

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
EXPECTED_WARNINGS = (
    # Minari asks for a permalink and an email address, which a local dataset does not need.
    "`(code_permalink|author_email)` is set to None",
    # An unregistered environment has no spec from which it could be recreated.
    "`eval_env` is set to None",
    "env_spec is None",
    # Gymnasium's own checker says this once; Minari would say it at every step.
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
    """Run a policy and write its episodes; deterministic given the seed if the policy is.

    The last episode is truncated if `steps` ends it.

    Args:
        env: Gymnasium id, an environment or a function that makes one. dfplan must be able to read
            its observations, and its actions must be a Box.
        dataset_id: Minari id of a dataset that does not exist yet.
        steps: Number of control steps in total, at least 1.
        seed: Seed for actions and resets.
        policy: Policy as for `dfplan.data.policy.make_policy`, created again for each episode; None
            for uniformly random actions, which need a Box with bounds.
        env_kwargs: Arguments of `gymnasium.make`.
        progress: Function that is called from time to time with the number of steps taken.

    Returns:
        The `minari.MinariDataset`.

    Raises:
        UserError: If the environment is unknown, its spaces are not supported or Minari cannot
            describe it, the dataset id is malformed or taken, steps or seed are out of range, or
            the policy fails. Nothing is written in these cases.
    """
    for name, value, low in (("steps", steps, 1), ("seed", seed, 0)):
        if value < low:
            raise UserError(f"{name} must be at least {low}, got {value}")
    from minari import DataCollector

    check_new_dataset_id(dataset_id)
    with open_env(env, env_kwargs) as inner, warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        layout = layout_from_spaces(inner.observation_space, inner.action_space, None)
        if policy is None and not layout.is_action_bounded:
            space = inner.action_space
            raise UserError(f"action space {space} is not supported; supported: Box with bounds")
        with contextlib.closing(DataCollector(_BorrowedEnv(inner))) as env:
            _run(
                env,
                steps=steps,
                seed=seed,
                policy=policy,
                progress=progress or (lambda steps: None),
            )
            with atomic_dataset(dataset_id):
                return _write(env, dataset_id, seed=seed, policy=policy)


class DatasetExistsError(UserError):
    """An error for a dataset id that is already taken."""


def check_new_dataset_id(dataset_id: str) -> None:
    """Check that a local dataset with this id can be created.

    Raises:
        UserError: If the id is malformed.
        DatasetExistsError: If the dataset already exists.
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
            f"dataset {dataset_id!r} already exists in {path}; choose another id"
        )


@contextlib.contextmanager
def atomic_dataset(dataset_id: str) -> Iterator[None]:
    """Remove the dataset written in this context if writing fails or is interrupted.

    Raises:
        UserError: If the id is malformed or taken.
    """
    from minari.storage import get_dataset_path

    check_new_dataset_id(dataset_id)
    try:
        yield
    except DatasetExistsError:  # another process has written it in the meantime; keep that one
        raise
    except BaseException:
        shutil.rmtree(get_dataset_path(dataset_id), ignore_errors=True)
        raise


class _BorrowedEnv(gymnasium.Wrapper):
    """Wrapper for Minari's collector, which may not close the environment and reads its spec."""

    @property
    def spec(self):
        """Spec of the environment; None if it cannot be written as JSON.

        An entry point that is a class instead of a string cannot.
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
        """Do nothing: the owner closes the environment."""


def _run(
    env,
    steps: int,
    seed: int,
    policy: Callable[..., Any] | None,
    progress: Callable[[int], None],
) -> None:
    seeds = np.random.default_rng(seed)
    env.action_space.seed(seed)
    episode_ended = True
    observation = None

    def act_randomly(observation: Any) -> Any:
        return env.action_space.sample()

    act: Callable[[Any], Any] = act_randomly
    for step in range(steps):
        if episode_ended:
            # Without a seed, Minari would reset with one of its own.
            episode_seed = int(seeds.integers(SEEDS))
            observation, _ = env.reset(seed=episode_seed)
            if policy is not None:
                act = make_policy(policy, env.env, episode_seed)
        observation, _, terminated, truncated, _ = env.step(act(observation))
        episode_ended = terminated or truncated
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
