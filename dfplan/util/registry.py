"""Registries: named choices that other packages can extend, and the text form of a choice.

A choice is written as a spec: its name, with parameters if it has any, such as "cosine:shift=1.6"
or "ddim:eta=1". Packages add choices through entry points; a spec never names code to import.
"""

import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from dfplan.types import UserError, one_line
from dfplan.util.signature import check_call
from dfplan.util.validate import MAX_FLOAT_INTEGER

NAME = re.compile(r"[^\s,:=\x00-\x1f\x7f]+")


class Registry:
    """Choices of one kind, by name: built in, registered at run time or from installed packages.

    Args:
        what: Kind of the choices in error messages, such as "noise schedule".
        group: Entry-point group in which packages declare choices, each under its name.
        builtin: Objects by name; a string "module:object" is imported on first use.
    """

    def __init__(self, what: str, group: str, builtin: Mapping[str, Any]):
        self.what = what
        self.group = group
        self._builtin = dict(builtin)
        self._objects: dict[str, Any] = {}
        self._packages_loaded = False

    def register(self, name: str, obj: Any) -> None:
        """Add a choice in this process; a later one of the same name replaces it.

        Raises:
            UserError: If the name is built in, or no spec can name it.
        """
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UserError(
                f"{self.what} cannot be named {name!r}; valid: printable text without spaces, "
                "commas, colons and equals signs"
            )
        if name in self._builtin:
            raise UserError(f"{self.what} {name!r} is built in; choose another name")
        self._objects[name] = obj

    def names(self) -> list[str]:
        """Return all names, the built-in ones first."""
        self._load_packages()
        return list(dict.fromkeys([*self._builtin, *self._objects]))

    def get(self, name: str) -> Any:
        """Return the object of that name.

        Raises:
            UserError: If the name is unknown; the message lists the valid ones.
        """
        if name in self._builtin:
            obj = self._builtin[name]
            if isinstance(obj, str):
                obj = self._builtin[name] = EntryPoint(name, obj, self.group).load()
            return obj
        if name not in self._objects and name not in self.names():
            valid = ", ".join(self.names()) or "none"
            raise UserError(f"unknown {self.what} {name!r}; valid: {valid}")
        return self._objects[name]

    def check(self, spec: str, filled: int = 0, named: Iterable[str] = ()) -> str:
        """Return the spec if its name, its parameters and their types are valid.

        A built-in choice without parameters is not imported.

        Args:
            spec: Name of a choice, with parameters if it has any.
            filled: Number of positional arguments that `make` will be called with.
            named: Names of the keyword arguments of that call.

        Raises:
            UserError: If something is invalid; the message lists the valid choices.
        """
        name, parameters = parse_spec(spec)
        if parameters or name not in self._builtin:
            self._typed(spec, parameters, _open_parameters(self.get(name), filled, named))
        return spec

    def make(self, spec: str, *args: Any, **kwargs: Any) -> Any:
        """Call the object that a spec names with `args`, `kwargs` and the spec's parameters.

        Valid keys are the dataclass fields or function arguments that `args` and `kwargs` leave
        open.

        Raises:
            UserError: If the name, a key or the type of a value is invalid, a key is missing, or
                the object does not take these arguments.
        """
        name, parameters = parse_spec(spec)
        choice = self.get(name)
        if not callable(choice):
            raise UserError(
                f"{self.what} {name!r} is registered as {choice!r}; valid: a class or a function"
            )
        keys = _open_parameters(choice, len(args), kwargs)
        values = self._typed(spec, parameters, keys)
        for key, parameter in keys.items():
            if parameter.default is inspect.Parameter.empty and key not in values:
                raise UserError(f"{self.what} {spec!r} needs a value for {key!r}: {name}:{key}=...")
        positions = [type(argument).__name__ for argument in args]
        check_call(f"{self.what} {name!r}", choice, args=positions, named=[*kwargs, *values])
        return choice(*args, **kwargs, **values)

    def _load_packages(self) -> None:
        if not self._packages_loaded:
            self._packages_loaded = True
            points = entry_points(group=self.group)
            self._objects = {**dict(load_entry_points(self.what, points)), **self._objects}

    def _typed(
        self, spec: str, parameters: Mapping[str, Any], keys: Mapping[str, inspect.Parameter]
    ) -> dict[str, Any]:
        """Check parameters against a signature; an int becomes a float where the default is one."""
        values: dict[str, Any] = {}
        for key, value in parameters.items():
            if key not in keys:
                valid = ", ".join(keys) or "none"
                raise UserError(f"{self.what} {spec!r} has no key {key!r}; valid: {valid}")
            kind = type(keys[key].default)
            if kind is float and type(value) is int and abs(value) <= MAX_FLOAT_INTEGER:
                value = float(value)
            if kind in (int, float, bool) and type(value) is not kind:
                raise UserError(
                    f"{self.what} {spec!r}: {key} must be of type {kind.__name__}, got {value!r}"
                )
            values[key] = value
        return values


def load_entry_points(
    what: str, points: Iterable[EntryPoint], convert: Callable[[Any], Any] = lambda obj: obj
) -> Iterator[tuple[str, Any]]:
    """Load what installed packages declare; a broken package is left out with a warning.

    Args:
        what: Kind of the objects, with which the warning begins.
        points: Entry points of a group.
        convert: Function that is applied to each loaded object; it raises for a broken package.

    Yields:
        The name and the converted object of each entry point.
    """
    for point in points:
        try:
            obj = convert(point.load())
        # Another package's code may raise anything, or try to end the process.
        except (Exception, SystemExit) as error:
            warnings.warn(
                f"{what} {point.name!r} ({point.value}) cannot be loaded: {one_line(error)}",
                stacklevel=2,
            )
        else:
            yield point.name, obj


def parse_spec(spec: str) -> tuple[str, dict[str, int | float | bool | str]]:
    """Split "name:key=value,key=value" into its name and parameters.

    Values are parsed as int, float or true/false; any other text stays a string.

    Raises:
        UserError: If it is not text, has another form or sets a key twice.
    """
    if not isinstance(spec, str):
        raise UserError(f"{spec!r} is not text; valid: NAME or NAME:KEY=VALUE,KEY=VALUE")
    name, colon, rest = spec.partition(":")
    parameters: dict[str, int | float | bool | str] = {}
    for item in rest.split(",") if colon else []:
        key, _, value = (text.strip() for text in item.partition("="))
        if not key or not value:
            raise UserError(f"cannot read {item!r} in {spec!r}; valid: NAME:KEY=VALUE,KEY=VALUE")
        if key in parameters:
            raise UserError(f"{spec!r} sets {key!r} twice")
        parameters[key] = _parse_value(value)
    return name, parameters


def _parse_value(text: str) -> int | float | bool | str:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text, text)


def _open_parameters(
    choice: Any, filled: int = 0, named: Iterable[str] = ()
) -> dict[str, inspect.Parameter]:
    """Return the parameters that can be set by name, without those that a call fills already.

    Args:
        choice: Object from a registry.
        filled: Number of positional arguments of the call.
        named: Names of the keyword arguments of the call.
    """
    if not callable(choice):
        return {}
    if inspect.isclass(choice) and choice.__init__ is not object.__init__:
        # A metaclass, such as that of Flax modules, may hide the signature of the constructor.
        choice = choice.__init__
        filled += 1
    parameters = list(inspect.signature(choice).parameters.values())[filled:]
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name: p for p in parameters if p.kind in by_name and p.name not in named}
