"""Environment specifications in the metadata of datasets, read as data.

A Gymnasium specification names the functions that make its environment and its wrappers, and
`gymnasium.make(spec)` imports and calls them, whatever they are. Of a specification in a file, only
the id and the arguments are used: the environment is made from what is registered under that id.
"""

import json
from pathlib import Path
from typing import Any

from dfplan.tasks.trust import UntrustedName
from dfplan.types import UserError


def read_env_spec(text: str, file: Path | str) -> tuple[UntrustedName, dict[str, Any]]:
    """Return the id and arguments for `make_env`, which refuses ids that are not registered.

    Args:
        text: Specification as JSON, as `gymnasium.envs.registration.EnvSpec.to_json` writes it.
        file: File that holds it.

    Raises:
        UserError: If it is not a specification, or has wrappers, which only code could make.
    """
    try:
        spec = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: env_spec is not JSON") from error
    spec = spec if isinstance(spec, dict) else {}
    env_id = spec.get("id")
    kwargs = spec.get("kwargs") or {}
    steps = spec.get("max_episode_steps")
    if not isinstance(env_id, str) or not isinstance(kwargs, dict):
        raise UserError(f"{file}: env_spec has no id and kwargs of an environment")
    if spec.get("additional_wrappers"):
        raise UserError(f"{file}: env_spec has additional_wrappers, which are not made from a file")
    if isinstance(steps, int):
        kwargs = {**kwargs, "max_episode_steps": steps}
    return UntrustedName(env_id, "env_spec", file), kwargs
