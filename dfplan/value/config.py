"""ValueConfig: what is learned of the rewards in the data."""

import dataclasses

from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class ValueConfig:
    """A value of states, and of plans; learned where `data.goal` is "reward".

    Attributes:
        discount: per control step, in (0, 1): rewards 1 / (1 - discount) steps ahead still count.
        members: networks, of which each is kept from some of the episodes; at least 2. A return is
            compared with what a network expects that has not seen it, and plans are worth the mean
            of what all expect.
        width: of each network's two hidden layers.
        steps: optimiser steps.
        batch_size: states per step.
        learning_rate: of Adam, at the start of a cosine schedule.

    Raises:
        UserError: when a value is out of range.
    """

    discount: float = 0.99
    members: int = 4
    width: int = 64
    steps: int = 2_000
    batch_size: int = 256
    learning_rate: float = 2e-3

    def __post_init__(self):
        if not 0 < self.discount < 1:
            raise UserError(f"value.discount must be in (0, 1), got {self.discount}")
        for name, low in (("members", 2), ("width", 1), ("steps", 1), ("batch_size", 1)):
            if not getattr(self, name) >= low:
                raise UserError(f"value.{name} must be at least {low}, got {getattr(self, name)}")
        if not 0 < self.learning_rate < float("inf"):
            raise UserError(f"value.learning_rate must be above 0, got {self.learning_rate}")
