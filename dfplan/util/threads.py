"""The CPU cores of this process, and limits of the threads of others."""

import math
import os

VARIABLES = ("PJRT_NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that limit a process's threads: XLA's, and those of NumPy's libraries."""


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux; respects taskset and the like
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_limits(cpus: float) -> dict[str, str]:
    """Return environment variables that limit a process to one thread per core, at least one.

    The last digits of a training depend on the number of XLA's threads.
    """
    return dict.fromkeys(VARIABLES, str(max(1, math.floor(cpus))))
