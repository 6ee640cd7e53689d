"""Options of the commands that can run on a Ray cluster."""

import dataclasses
import math
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated

import tyro

from dfplan.cli.common import Flag, Text
from dfplan.types import UserError
from dfplan.util.jobs import Executor, LocalExecutor
from dfplan.util.ray_jobs import RayExecutor, Resources


@dataclasses.dataclass(frozen=True)
class RayArgs:
    """Where jobs run; the results do not depend on it.

    Attributes:
        ray: Run on a Ray cluster: by default a new one on this machine (extra `ray`).
        ray_address: Address of a running Ray cluster, such as auto or HOST:PORT; implies --ray.
        job_cpus: Cores of one job, and its threads.
        job_gpus: GPUs of one job, such as 0.5 for two jobs per GPU.
    """

    ray: Flag = False
    ray_address: Text = None
    job_cpus: float = 1.0
    job_gpus: float = 0.0

    @property
    def is_used(self) -> bool:
        """Whether jobs run on Ray."""
        return self.ray or self.ray_address is not None

    def check(self) -> None:
        """Check the values of the options.

        Raises:
            UserError: If one is out of range.
        """
        for option, value, minimum in (
            ("--job-cpus", self.job_cpus, "above 0"),
            ("--job-gpus", self.job_gpus, "at least 0"),
        ):
            is_valid = value > 0 or (value == 0 and minimum == "at least 0")
            if not is_valid or not math.isfinite(value):
                raise UserError(f"{option} must be {minimum} and finite, got {value:g}")

    def executor(self) -> AbstractContextManager[Executor]:
        """Return a context manager of the executor.

        Raises:
            UserError: As `RayExecutor`.
        """
        if not self.is_used:
            return nullcontext(LocalExecutor())
        return RayExecutor(self.ray_address or "", Resources(self.job_cpus, self.job_gpus))


RayOptions = Annotated[RayArgs, tyro.conf.arg(name="")]
