"""Make a Gymnasium environment, with its errors as one line for the user."""

import contextlib
import difflib
import json
from collections.abc import Iterator
from typing import Any

from dfplan.types import Environment, UserError, one_line


class UnknownEnvError(UserError):
    """The environment is not on this machine: its id is unknown, or its package is missing."""


def make_env(env_id: str, env_kwargs: dict[str, Any] | None = None, **more: Any):
    """`gymnasium.make(env_id, **env_kwargs, **more)`; where both name an argument, `more` counts.

    Args:
        env_id: Gymnasium id; "module:Env-v0" imports the module that registers it first.
        env_kwargs: the user's arguments of the environment.
        more: the caller's own, such as `render_mode`.

    Returns:
        The environment, a `gymnasium.Env`.

    Raises:
        UnknownEnvError: when the id is unknown, or a package is missing.
        UserError: when the environment refuses its arguments.
    """
    import gymnasium

    if not env_id:
        raise UserError("no environment is named here; name one that can be made: --env ID")
    try:
        return gymnasium.make(env_id, **{**(env_kwargs or {}), **more})
    except gymnasium.error.UnregisteredEnv as error:
        raise UnknownEnvError(_unknown(env_id, gymnasium.registry)) from error
    except ImportError as error:
        raise UnknownEnvError(f"cannot make environment {env_id!r}: {one_line(error)}") from error
    except (gymnasium.error.Error, TypeError, ValueError) as error:
        raise UserError(f"cannot make environment {env_id!r}: {one_line(error)}") from error


@contextlib.contextmanager
def open_env(env: Environment, env_kwargs: dict[str, Any] | None = None) -> Iterator[Any]:
    """An environment to use in this context; closed after it unless it was given as an object.

    Args:
        env: a Gymnasium id, a function that makes an environment, or an environment.
        env_kwargs: arguments of `gymnasium.make`, or of the function.

    Raises:
        UserError: when it cannot be made, or is none.
    """
    if not isinstance(env, str) and not callable(env):
        check_env_object(env)
        yield env
        return
    made: Any = make_env(env, env_kwargs) if isinstance(env, str) else env(**(env_kwargs or {}))
    check_env_object(made)
    try:
        yield made
    finally:
        made.close()


def check_env_object(env: Any) -> None:
    """Check that this is a Gymnasium environment, and a single one.

    Raises:
        UserError: when it is none.
    """
    import gymnasium

    if not isinstance(env, gymnasium.Env):
        raise UserError(
            f"{type(env).__name__} is no environment; "
            "valid: a Gymnasium id, a gymnasium.Env, or a function that makes one"
        )


def identify_env(env: Any) -> tuple[str, dict[str, Any]]:
    """Id and arguments that make an environment again; an empty id where nothing is known to.

    Args:
        env: a Gymnasium environment. Wrapped by hand it is another one than its id makes.
    """
    import gymnasium

    spec = env.spec
    if spec is None or spec.additional_wrappers:
        return "", {}
    kwargs = dict(spec.kwargs)
    registered = gymnasium.registry.get(spec.id)
    if registered is None or registered.max_episode_steps != spec.max_episode_steps:
        kwargs["max_episode_steps"] = spec.max_episode_steps
    try:
        return spec.id, json.loads(json.dumps(kwargs, allow_nan=False))
    except (TypeError, ValueError):  # arguments that a run on disk cannot hold
        return "", {}


def _unknown(env_id: str, registered) -> str:
    module, _, name = env_id.rpartition(":")
    close = difflib.get_close_matches(name, map(str, registered), n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    if module:
        return f"module {module!r} registers no environment {name!r}{hint}"
    return f"unknown environment {env_id!r}{hint}; if a package registers it: 'package:{env_id}'"
