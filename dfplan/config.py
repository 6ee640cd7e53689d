"""Config: everything that decides a run, as one frozen dataclass of dataclasses."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from dfplan.diffusion.config import DiffusionConfig
from dfplan.nets.config import NetConfig
from dfplan.planner.config import PlannerConfig
from dfplan.representation.config import DataConfig
from dfplan.training.config import TrainingConfig
from dfplan.types import UserError, check_choice
from dfplan.value.config import ValueConfig

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Config:
    """A run's settings.

    Attributes:
        data: from trajectories to tokens.
        net: kind and size of the denoiser.
        diffusion: noise schedule and parametrisation.
        training: length, batch, objective and optimiser.
        planner: how plans are sampled, chosen and followed.
        value: what is learned of rewards, where they are the goal.
    """

    data: DataConfig = DataConfig()
    net: NetConfig = NetConfig()
    diffusion: DiffusionConfig = DiffusionConfig()
    training: TrainingConfig = TrainingConfig()
    planner: PlannerConfig = PlannerConfig()
    value: ValueConfig = ValueConfig()

    def override(self, changes: Mapping[str, Any]) -> "Config":
        """A copy with dotted settings changed, such as `{"data.stride": 10}`.

        Raises:
            UserError: on a setting that does not exist, or a value that is out of range or of
                another type.
        """
        return override(self, changes)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """Inverse of `to_dict`; settings that are missing get their defaults.

        Raises:
            UserError: as `override`.
        """
        return build(cls, values)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted ones."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def build(cls: type[T], values: Mapping[str, Any]) -> T:
    """A config dataclass from its JSON form."""
    return override(cls(), flatten(values))


def override(config: T, changes: Mapping[str, Any], prefix: str = "") -> T:
    """A copy of a config dataclass with dotted settings changed; checked once all are in place."""
    here: dict[str, Any] = {}
    below: dict[str, dict[str, Any]] = {}
    types = _types(config)
    for path, value in changes.items():
        name, _, rest = path.partition(".")
        full = prefix + path
        check_choice(f"setting {full!r}: no", name, types)
        if dataclasses.is_dataclass(types[name]):
            if not rest:
                parts = ", ".join(f"{prefix}{name}.{part}" for part in _types(types[name]))
                raise UserError(f"setting {full!r} is not one value; valid: {parts}")
            below.setdefault(name, {})[rest] = value
        elif rest:
            raise UserError(f"setting {full!r}: {prefix}{name} is one value, without parts")
        else:
            here[name] = _checked(full, value, types[name])
    for name, inner in below.items():
        here[name] = override(getattr(config, name), inner, f"{prefix}{name}.")
    return dataclasses.replace(config, **here)  # pyright: ignore[reportArgumentType]


def _types(config: Any) -> dict[str, type]:
    """Type of each setting of a config dataclass; of a section, its class."""
    hints = {f.name: f.type for f in dataclasses.fields(config)}
    return {name: typing.get_origin(hint) or hint for name, hint in hints.items()}  # pyright: ignore[reportReturnType]


def _checked(name: str, value: Any, kind: type) -> Any:
    """`value` as a setting of that type: JSON has lists for tuples, and may write 1 for 1.0."""
    value = _as_tuple(value)
    if kind is float and type(value) is int:
        return float(value)
    # JSON's true is no number, though Python's is.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"setting {name!r} must be of type {kind.__name__}, got {value!r}")
    return value


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(v) for v in value) if isinstance(value, list | tuple) else value
