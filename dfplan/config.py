"""Config: everything that determines a run, as one frozen dataclass of dataclasses."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from dfplan.diffusion.config import DiffusionConfig
from dfplan.nets.config import NetConfig
from dfplan.planner.config import PlannerConfig
from dfplan.policy.config import PolicyConfig
from dfplan.representation.config import DataConfig
from dfplan.training.config import TrainingConfig
from dfplan.types import UserError
from dfplan.util.from_json import as_type, field_types
from dfplan.value.action_config import ActionValueConfig
from dfplan.value.config import ValueConfig

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Config:
    """A run's settings.

    Attributes:
        data: Data settings: how trajectories become tokens.
        net: Kind and size of the denoiser.
        diffusion: Noise schedule and parametrization.
        training: Training settings: length, batch size, objective and optimizer.
        planner: Planner settings: how plans are sampled, chosen and followed.
        value: Critic settings, for tasks whose goal is reward.
        action_value: Settings of the action critic, for the ranker "action_value".
        policy: Settings of the low-level policy, for the low-level controller "policy".
    """

    data: DataConfig = DataConfig()
    net: NetConfig = NetConfig()
    diffusion: DiffusionConfig = DiffusionConfig()
    training: TrainingConfig = TrainingConfig()
    planner: PlannerConfig = PlannerConfig()
    value: ValueConfig = ValueConfig()
    action_value: ActionValueConfig = ActionValueConfig()
    policy: PolicyConfig = PolicyConfig()

    def override(self, changes: Mapping[str, Any]) -> "Config":
        """Return a copy with dotted settings changed, such as `{"data.stride": 10}`.

        Raises:
            UserError: If a setting does not exist, or a value is out of range or of another type.
        """
        return override(self, changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """Build a config from the result of `to_dict`; missing settings get their defaults.

        Raises:
            UserError: See `override`.
        """
        return build(cls, values)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as dotted ones."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def build(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build a config dataclass from its JSON form.

    Raises:
        UserError: See `override`.
    """
    return override(cls(), flatten(values))


def override(config: T, changes: Mapping[str, Any], prefix: str = "") -> T:
    """Return a copy of a config dataclass with dotted settings changed.

    It is validated once, with all changes in place.

    Args:
        config: Config dataclass.
        changes: New values by dotted name.
        prefix: Dotted name of the dataclass in messages, with a trailing dot.

    Raises:
        UserError: If a setting does not exist, or a value is out of range or of another type.
    """
    values: dict[str, Any] = {}
    section_changes: dict[str, dict[str, Any]] = {}
    types = field_types(config)
    for path, value in changes.items():
        name, _, rest = path.partition(".")
        setting = prefix + path
        if name not in types:
            raise UserError(f"unknown setting {setting!r}; valid: {', '.join(types)}")
        if dataclasses.is_dataclass(types[name]):
            if not rest:
                valid = ", ".join(f"{prefix}{name}.{field}" for field in field_types(types[name]))
                raise UserError(f"setting {setting!r} is not one value; valid: {valid}")
            section_changes.setdefault(name, {})[rest] = value
        elif rest:
            raise UserError(f"setting {setting!r}: {prefix}{name} is one value, not a section")
        else:
            values[name] = as_type(f"setting {setting!r}", value, types[name])
    for name, inner in section_changes.items():
        values[name] = override(getattr(config, name), inner, f"{prefix}{name}.")
    return dataclasses.replace(config, **values)  # pyright: ignore[reportArgumentType]
