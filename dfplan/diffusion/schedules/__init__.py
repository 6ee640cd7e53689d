"""Noise schedules: `SCHEDULES.make("cosine:shift=1.6")` builds one by name."""

from dfplan.diffusion.schedules.cosine import Cosine
from dfplan.diffusion.schedules.linear_beta import LinearBeta
from dfplan.diffusion.schedules.schedule import Schedule
from dfplan.diffusion.schedules.sigmoid import Sigmoid
from dfplan.util.registry import Registry

__all__ = ["SCHEDULES", "Cosine", "LinearBeta", "Schedule", "Sigmoid"]

SCHEDULES = Registry(
    "noise schedule",
    "dfplan.schedules",
    {"cosine": Cosine, "linear_beta": LinearBeta, "sigmoid": Sigmoid},
)
