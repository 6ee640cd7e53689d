"""Perturbations: environment wrappers written as `NAME=VALUE[,VALUE...][,OPTION=VALUE...]`.

A package declares perturbations through the entry-point group `dfplan.perturbations`. Each entry is
a mapping from names to wrappers, which take the environment and then numbers.
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
    """A perturbation with its parameters.

    Attributes:
        text: Text from which it was parsed.
        wrapper: Wrapper class; takes an environment and the parameters.
        value: Main parameter: a number or several.
        options: Other parameters by name.
    """

    text: str
    wrapper: Callable[..., Any]
    value: float | tuple[float, ...]
    options: dict[str, float]

    @property
    def drops(self) -> bool:
        """Whether it makes observations go missing."""
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
    """Parse a perturbation such as "obs_noise=0.2,0.2,0,0" or "push=0.5,duration=10".

    Raises:
        UserError: If the name or an option is unknown, or a value is not a number.
    """
    name, equals, rest = text.partition("=")
    wrappers = all_perturbations()
    if name not in wrappers:
        valid = ", ".join(wrappers) or "none (install dfplan-envs)"
        raise UserError(f"unknown perturbation {name!r}; valid: {valid}")
    first, *others = list(inspect.signature(wrappers[name]).parameters)[1:]
    form = "".join([f"{name}={first.upper()}", *(f",{o}=NUMBER" for o in others)])
    values: list[float] = []
    options: dict[str, float] = {}
    for item in rest.split(",") if equals else []:
        option, named, number = item.rpartition("=")
        if named and option not in others:
            raise UserError(f"perturbation {text!r} has no option {option!r}; valid: {form}")
        try:
            number = float(number)
        except ValueError:
            raise UserError(
                f"perturbation {text!r}: {number!r} is not a number; valid: {form}"
            ) from None
        if named:
            options[option] = number
        else:
            values.append(number)
    if not values:
        raise UserError(f"perturbation {text!r} has no value; valid: {form}")
    value = values[0] if len(values) == 1 else tuple(values)
    return Perturbation(text, wrappers[name], value=value, options=options)


def perturbed(env: Any, perturbations: Iterable[Perturbation]) -> Any:
    """Wrap an environment in perturbations, the first one innermost.

    Raises:
        UserError: If a wrapper refuses the environment or its parameters.
    """
    for perturbation in perturbations:
        try:
            env = perturbation.wrapper(env, perturbation.value, **perturbation.options)
        except (TypeError, ValueError) as error:
            raise UserError(f"perturbation {perturbation.text!r}: {one_line(error)}") from error
    return env
