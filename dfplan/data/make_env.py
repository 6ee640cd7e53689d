"""Make a Gymnasium environment, with its errors as one line for the user."""

import difflib
from typing import Any

from dfplan.types import UserError, one_line


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

    try:
        return gymnasium.make(env_id, **{**(env_kwargs or {}), **more})
    except gymnasium.error.UnregisteredEnv as error:
        raise UnknownEnvError(_unknown(env_id, gymnasium.registry)) from error
    except ImportError as error:
        raise UnknownEnvError(f"cannot make environment {env_id!r}: {one_line(error)}") from error
    except (gymnasium.error.Error, TypeError, ValueError) as error:
        raise UserError(f"cannot make environment {env_id!r}: {one_line(error)}") from error


def _unknown(env_id: str, registered) -> str:
    module, _, name = env_id.rpartition(":")
    close = difflib.get_close_matches(name, map(str, registered), n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    if module:
        return f"module {module!r} registers no environment {name!r}{hint}"
    return f"unknown environment {env_id!r}{hint}; if a package registers it: 'package:{env_id}'"
