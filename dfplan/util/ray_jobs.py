"""RayExecutor: independent jobs on the machines of a Ray cluster.

Workers import the functions that jobs name, from the same places as this process; no code is sent
to them. Arguments and results are text and bytes.
"""

import contextlib
import importlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from dfplan.types import UserError, one_line
from dfplan.util.interrupts import heeded_ctrl_c, kept_handlers
from dfplan.util.jobs import Job, Outcome, attempt
from dfplan.util.optional import import_optional
from dfplan.util.threads import cores, thread_limits

LOCAL = "local"
"""Address of a new cluster on this machine, which ends with this process."""
LOOPBACK = "127.0.0.1"
"""Interface of a new cluster: Ray runs code for everyone who can reach it."""
ADDRESS = "RAY_ADDRESS"
MAX_RETRIES = 3
"""Times that a job runs again after its worker was lost, Ray's own default."""
MAX_QUEUED = 1000
"""Jobs that the cluster is told of at once: enough for an autoscaler to see the demand."""
WAIT_S = 1.0
GRACE_S = 60.0
"""Seconds that interrupted jobs have to save their state."""
OWN_VARIABLES = (
    "PYTHONPATH",
    "MINARI_DATASETS_PATH",
    "MUJOCO_GL",
    "XDG_CACHE_HOME",
    "DFPLAN_NO_COMPILATION_CACHE",
)
PREFIXES = ("JAX_", "XLA_")
"""Environment variables that workers get from this process, by name and by prefix. Everyone who can
reach the cluster can read them, so none may hold a secret."""
LAUNCHERS = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
"""Variables that are emptied, as jobs are no processes of one training.

`srun ray start` would pass them on to the workers.
"""


class Resources(NamedTuple):
    """What one job occupies.

    Attributes:
        cpus: Cores; a job has as many threads, at least one.
        gpus: GPUs, which may be a fraction.
    """

    cpus: float = 1.0
    gpus: float = 0.0


class RayExecutor:
    """Executor on a Ray cluster, connected within a context.

    Args:
        address: Address of a running cluster, such as "auto" or "node1:6379"; `LOCAL` starts one on
            this machine. If empty, that of the environment variable RAY_ADDRESS, else `LOCAL`.
        resources: What one job occupies.

    Raises:
        UserError: If Ray is not installed, the cluster cannot be reached or started, or this
            machine does not have the resources.
    """

    def __init__(self, address: str = "", resources: Resources = Resources()):
        self._address = address or os.environ.get(ADDRESS) or LOCAL
        self._resources = resources
        self._ray: Any = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray = import_optional("ray", "ray", "--ray")
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            stack.callback(self._ray.shutdown)
            self._connect(folder)
            self._check_resources()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _connect(self, folder: str) -> None:
        """Connect to the cluster, or start one.

        Args:
            folder: Empty working directory. Ray puts the working directory first on the workers'
                module path, where any file in it would replace an installed module of its name.
        """
        options: dict[str, Any] = {}
        if self._address == LOCAL:
            options = {
                "num_cpus": cores(),
                "include_dashboard": False,
                "_node_ip_address": LOOPBACK,
            }
        try:
            with contextlib.chdir(folder), kept_handlers(), warnings.catch_warnings():
                # JAX warns of forks; here each one starts another program at once.
                warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
                self._ray.init(
                    self._address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **options,
                )
        except Exception as error:  # Ray raises many kinds
            raise UserError(f"Ray cluster {self._address!r}: {one_line(error)}") from error

    def run(
        self, jobs: Sequence[Job], report: Callable[[int, int], None]
    ) -> Generator[Outcome, None, None]:
        """See `dfplan.util.jobs.Executor`; the progress of a job is not reported.

        A job whose worker was lost runs again, up to `MAX_RETRIES` times.
        """
        ray = self._ray
        submit = ray.remote(
            num_cpus=self._resources.cpus,
            num_gpus=self._resources.gpus,
            max_retries=MAX_RETRIES,
            runtime_env={"env_vars": worker_environment(jobs, self._resources.cpus)},
        )(execute).remote
        folder = os.getcwd()
        waiting = iter(enumerate(jobs))
        running: dict[Any, int] = {}
        try:
            while True:
                for index, job in waiting:
                    running[submit(job.path, job.text, folder)] = index
                    if len(running) >= MAX_QUEUED:
                        break
                if not running:
                    return
                ended, _ = ray.wait(list(running), timeout=WAIT_S)
                for reference in ended:
                    index = running.pop(reference)
                    yield Outcome(index, self._result(reference, jobs[index]))
        finally:
            self._cancel(list(running))

    def _result(self, reference: Any, job: Job) -> bytes | UserError:
        errors = self._ray.exceptions
        try:
            result, message = self._ray.get(reference)
        except errors.RayTaskError as error:
            raise error.cause from error  # an unexpected exception of the job
        except errors.RayError as error:
            return UserError(
                f"{job.name}: its worker was lost, and so were those of {MAX_RETRIES} more tries "
                f"({type(error).__name__}): killed, out of memory, or its machine is gone"
            )
        return UserError(message) if message else result

    def _cancel(self, references: list[Any]) -> None:
        """Interrupt running jobs as Ctrl-C does, and wait until they have saved their state."""
        if not references:
            return
        for reference in references:
            self._ray.cancel(reference)
        self._ray.wait(references, num_returns=len(references), timeout=GRACE_S)

    def _check_resources(self) -> None:
        """Check that a new cluster can run a job at all; others may still grow."""
        if self._address != LOCAL:
            return
        available = self._ray.cluster_resources()
        for name, option, wanted in (
            ("CPU", "--job-cpus", self._resources.cpus),
            ("GPU", "--job-gpus", self._resources.gpus),
        ):
            if wanted > available.get(name, 0):
                raise UserError(
                    f"{option} is {wanted:g}; this machine has {available.get(name, 0):g}"
                )


def execute(path: str, text: str, folder: str) -> tuple[bytes, str]:
    """Run a job in this process, a worker.

    Args:
        path: Function as "module:function".
        text: Arguments as JSON.
        folder: Working directory.

    Returns:
        The result, and the message of the error in the user's input that took its place or "".
    """
    try:
        os.chdir(folder)
    except OSError as error:
        return b"", f"a worker cannot use {folder}, which all machines have to share: {error}"
    try:
        with heeded_ctrl_c():  # by which Ray interrupts a job
            result = attempt(_load(path), text, lambda size: None)
    except SystemExit as stop:  # which would end the worker, and have it replaced
        if hasattr(stop, "ray_terminate_msg"):
            raise
        return b"", f"{path} has ended with exit code {stop.code}; it says why without --ray"
    return (b"", str(result)) if isinstance(result, UserError) else (result, "")


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    function = getattr(importlib.import_module(module), name)
    if "jax" in sys.modules:
        from dfplan.util.compilation_cache import enable_compilation_cache

        enable_compilation_cache()
    return function


def worker_environment(jobs: Sequence[Job], cpus: float) -> dict[str, str]:
    """Return the environment variables of the workers.

    Args:
        jobs: Jobs, whose packages workers have to find.
        cpus: Cores of a job.
    """
    variables = {
        name: value
        for name, value in os.environ.items()
        if name in OWN_VARIABLES or name.startswith(PREFIXES)
    }
    for name in ("MINARI_DATASETS_PATH", "XDG_CACHE_HOME"):
        if variables.get(name):
            variables[name] = os.path.abspath(variables[name])
    paths = [os.path.abspath(path) for path in variables.get("PYTHONPATH", "").split(":") if path]
    modules = [__name__, *(job.function.__module__ for job in jobs)]
    roots = dict.fromkeys(map(_package_root, modules))
    variables["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([*paths, *roots]))
    return variables | thread_limits(cpus) | dict.fromkeys(LAUNCHERS, "")


def _package_root(module: str) -> str:
    """Return the folder from which the package of an imported module was imported."""
    top = sys.modules[module.partition(".")[0]]
    place = next(iter(getattr(top, "__path__", ())), None) or top.__file__
    assert place is not None
    return str(Path(place).resolve().parent)
