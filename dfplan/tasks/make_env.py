"""Make Gymnasium environments; errors become one line for the user."""

import contextlib
import difflib
import json
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from dfplan.tasks.author_warnings import hide_author_warnings
from dfplan.tasks.registry import GROUP
from dfplan.tasks.trust import registered_id
from dfplan.types import Environment, UserError, one_line


class UnknownEnvError(UserError):
    """The environment is not installed: its id is unknown or a package is missing."""


def make_env(env_id: str, env_kwargs: dict[str, Any] | None = None, **overrides: Any):
    """Call `gymnasium.make(env_id, **env_kwargs, **overrides)`.

    Args:
        env_id: Gymnasium id; "module:Env-v0" first imports the module that registers it, unless the
            id comes from a file; see `dfplan.tasks.trust`.
        env_kwargs: The user's arguments.
        overrides: The caller's arguments, such as `render_mode`, which take precedence.

    Returns:
        The environment, a `gymnasium.Env`.

    Raises:
        UnknownEnvError: If the id is unknown or a package is missing.
        UntrustedCodeError: If the id comes from an untrusted file, and its module would have to be
            imported.
        UserError: If the environment refuses its arguments.
    """
    import gymnasium

    if not env_id:
        raise UserError("there is no environment id; name one: --env ID")
    env_id = registered_id(env_id)
    try:
        with hide_author_warnings():
            return gymnasium.make(env_id, **{**(env_kwargs or {}), **overrides})
    except gymnasium.error.UnregisteredEnv as error:
        raise UnknownEnvError(_unknown(env_id, gymnasium.registry)) from error
    except ImportError as error:
        raise UnknownEnvError(
            f"cannot make environment {env_id!r}: {_install_command(error) or one_line(error)}"
        ) from error
    except AssertionError as error:
        raise UserError(
            f"cannot make environment {env_id!r}: {one_line(error)} in its package, which may not "
            "support the versions of other packages that are installed; for Gymnasium-Robotics, "
            "install with constraints-robotics.txt"
        ) from error
    except (gymnasium.error.Error, TypeError, ValueError) as error:
        raise UserError(f"cannot make environment {env_id!r}: {one_line(error)}") from error


@contextlib.contextmanager
def open_env(env: Environment, env_kwargs: dict[str, Any] | None = None) -> Iterator[Any]:
    """Yield an environment and close it afterwards, unless it was passed as an object.

    Args:
        env: Gymnasium id, a function that makes an environment, or an environment.
        env_kwargs: Arguments of `gymnasium.make` or of the function.

    Raises:
        UserError: If the environment cannot be made or is not one.
    """
    if not isinstance(env, str) and not callable(env):
        check_env_object(env)
        yield env
        return
    kwargs = env_kwargs or {}
    instance: Any = make_env(env, kwargs) if isinstance(env, str) else env(**kwargs)
    check_env_object(instance)
    try:
        yield instance
    finally:
        instance.close()


def check_env_object(env: Any) -> None:
    """Check that an object is a single Gymnasium environment.

    Raises:
        UserError: If it is not.
    """
    import gymnasium

    if not isinstance(env, gymnasium.Env):
        raise UserError(
            f"{type(env).__name__} is not an environment; "
            "valid: a Gymnasium id, a gymnasium.Env, or a function that makes one"
        )


def identify_env(env: Any) -> tuple[str, dict[str, Any]]:
    """Return the id and arguments that recreate an environment; an empty id if unknown.

    Args:
        env: Gymnasium environment. With wrappers that its id does not add, it is unknown.
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
    except (TypeError, ValueError):  # arguments that JSON cannot hold
        return "", {}


def _unknown(env_id: str, registered) -> str:
    module, _, name = env_id.rpartition(":")
    close = difflib.get_close_matches(name, map(str, registered), n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    if module:
        return f"module {module!r} registers no environment {name!r}{hint}"
    return (
        f"unknown environment {env_id!r}{hint}; if a package registers it, use 'package:{env_id}'"
    )


def _install_command(error: ImportError) -> str:
    """Name the extra that installs a missing package; empty if no package of tasks has one."""
    # Gymnasium raises an error of its own, without the module's name.
    missing = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    package = (missing.name or "").partition(".")[0]
    if not isinstance(missing, ModuleNotFoundError) or not package:
        return ""
    extra = re.compile(rf"{re.escape(package)}\b(?!-).*extra == ['\"]([\w.-]+)['\"]")
    for distribution in (entry.dist for entry in entry_points(group=GROUP) if entry.dist):
        for requirement in distribution.requires or ():
            if match := extra.match(requirement):
                command = f'pip install "{distribution.name}[{match[1]}]"'
                return f"{package} is not installed: {command}"
    return ""
