"""Perturbations by name: `NAME=VALUE[,VALUE...][,OPTION=VALUE...]` around an environment.

A package makes its perturbations known through the entry-point group `dfplan.perturbations`: each
entry is a mapping from names to wrappers, which take the environment, then numbers.
"""

import functools
import inspect
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from dfplan.types import UserError, one_line
from dfplan.util.registry import load_entry_points

GROUP = "dfplan.perturbations"


class Perturbation(NamedTuple):
    """A perturbation with its numbers.

    Attributes:
        text: as it was given.
        wrapper: takes an environment and the numbers.
        value: the first number, or numbers.
        options: the others, by name.
    """

    text: str
    wrapper: Callable[..., Any]
    value: float | tuple[float, ...]
    options: dict[str, float]

    @property
    def drops(self) -> bool:
        """Whether observations may be missing under it."""
        return getattr(self.wrapper, "drops", False)


@functools.cache
def all_perturbations() -> dict[str, Callable[..., Any]]:
    """Return the wrapper of every perturbation in the installed packages, by name.

    A package whose perturbations cannot be loaded is left out with a warning.
    """
    wrappers: dict[str, Callable[..., Any]] = {}
    for _, mapping in load_entry_points("perturbations of", entry_points(group=GROUP), dict):
        wrappers |= mapping
    return wrappers


def parse_perturbation(text: str) -> Perturbation:
    """A perturbation from its text, such as "obs_noise=0.2,0.2,0,0" or "push=0.5,duration=10".

    Raises:
        UserError: on an unknown name or option, or what is no number.
    """
    name, equals, rest = text.partition("=")
    known = all_perturbations()
    if name not in known:
        valid = ", ".join(known) or "none (install dfplan-envs)"
        raise UserError(f"unknown perturbation {name!r}; valid: {valid}")
    first, *others = list(inspect.signature(known[name]).parameters)[1:]
    form = "".join([f"{name}={first.upper()}", *(f",{o}=NUMBER" for o in others)])
    values: list[float] = []
    options: dict[str, float] = {}
    for part in rest.split(",") if equals else []:
        option, named, number = part.rpartition("=")
        if named and option not in others:
            raise UserError(f"perturbation {text!r} has no option {option!r}; valid: {form}")
        try:
            number = float(number)
        except ValueError:
            raise UserError(
                f"perturbation {text!r}: {number!r} is no number; valid: {form}"
            ) from None
        if named:
            options[option] = number
        else:
            values.append(number)
    if not values:
        raise UserError(f"perturbation {text!r} has no value; valid: {form}")
    return Perturbation(
        text, known[name], values[0] if len(values) == 1 else tuple(values), options
    )


def perturbed(env: Any, perturbations: Iterable[Perturbation]) -> Any:
    """The environment in these wrappers, the first one innermost.

    Raises:
        UserError: when a wrapper refuses the environment or its numbers.
    """
    for wrap in perturbations:
        try:
            env = wrap.wrapper(env, wrap.value, **wrap.options)
        except (TypeError, ValueError) as error:
            raise UserError(f"perturbation {wrap.text!r}: {one_line(error)}") from error
    return env
