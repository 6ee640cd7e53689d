"""Fleet: what all robots of a server share: a run and its compiled programs."""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dfplan import __version__
from dfplan.agent import Agent
from dfplan.control.chunk import ChunkMaker, continue_plans
from dfplan.control.chunk_program import ChunkProgram
from dfplan.control.inputs import MAX_SEED, as_goals
from dfplan.control.low_level import takes_library
from dfplan.control.plausible_range import PlausibleRange
from dfplan.planner.plan import Weights
from dfplan.runs.follow import load_dynamics, load_tracker
from dfplan.runs.run import Run
from dfplan.serve.dialects import Dialect, OpenPi
from dfplan.serve.robot import Robot
from dfplan.serve.settings import BatchSettings, RobotSettings
from dfplan.serve.shared_planner import SharedPlanner
from dfplan.types import one_line
from dfplan.util.versions import installed_versions
from dfplan.wire import keys


class Fleet:
    """Makes robots that plan with the same run, in common batches.

    Args:
        run: Trained run.
        weights: Trained weights of the run.
        name: Name of the run, for the metadata.
        settings: What every robot gets.
        goal: Goal of requests without one; empty for none.
        dialect: Form of the messages.
        batches: How plans share the machine.
        on_batch: Function that is called with the size of each batch of plans.

    Raises:
        UserError: If the run cannot act, or the default goal does not fit it.
    """

    def __init__(
        self,
        run: Run,
        weights: Weights,
        *,
        name: str,
        settings: RobotSettings = RobotSettings(),
        goal: Sequence[float] = (),
        dialect: Dialect = OpenPi(),
        batches: BatchSettings = BatchSettings(),
        on_batch: Callable[[int], object] = lambda size: None,
    ):
        horizon = settings.action_horizon or run.config.planner.replan_every
        self._run = run
        self._weights = weights
        self._name = name
        self._settings = dataclasses.replace(settings, action_horizon=horizon)
        self._dialect = dialect
        self._chunk_maker: ChunkMaker = continue_plans
        self._count = 0
        self._goal: np.ndarray | None = None
        if goal:
            self._goal = np.array(goal, run.layout.dtype)
            as_goals(run.layout, PlausibleRange.of(run.states, run.layout.origin), goal, batch=1)
        planner = run.make_planner()
        self._planner = SharedPlanner(
            planner, weights, size=batches.size, wait_ms=batches.wait_ms, on_batch=on_batch
        )

    def compile(self) -> None:
        """Compile all that a request may need, so that no request waits for the compiler.

        Warns if chunks must be made in NumPy, as the low-level controller cannot be compiled.
        """
        self._new_agent(seed=0).compile()
        self._chunk_maker = self._make_chunk_program()
        try:
            self._new_agent(seed=0).compile()
        except TypeError as error:  # what JAX raises where NumPy is given its arrays
            self._chunk_maker = continue_plans
            name = self._run.config.planner.low_level_controller
            warnings.warn(
                f"low-level controller {name!r} cannot be compiled by JAX, so chunks take "
                f"longer: {one_line(error)}",
                stacklevel=2,
            )

    def new_robot(self) -> Robot:
        """Return a robot with the next seed."""
        seed = (self._settings.seed + self._count) % (MAX_SEED + 1)
        self._count += 1
        return Robot(self._new_agent(seed), self._settings, self._goal, self._dialect)

    def close(self) -> None:
        """Stop planning once all requested plans are made."""
        self._planner.close()

    @property
    def metadata(self) -> dict[str, Any]:
        """What the server tells a robot that connects, in the form of the dialect."""
        run = self._run
        layout = run.layout
        hz = self._settings.control_hz
        metadata = {
            "server": f"dfplan {__version__}",
            "run": self._name,
            "task": run.task.name,
            "env": run.task.env,
            keys.ACTION_DIM: layout.action_dim,
            keys.ACTION_HORIZON: self._settings.action_horizon,
            keys.EXECUTION_HORIZON: self._settings.execution_horizon,
            keys.CONTROL_DT: 1 / hz if hz else None,
            "action_low": None if layout.action_low is None else list(layout.action_low),
            "action_high": None if layout.action_high is None else list(layout.action_high),
            "observation": {
                "dim": layout.observation_dim,
                "is_goal_dict": layout.dict_observation,
                "shape": layout.observation_shape,
                "goal_dim": layout.goal_dim,
                "gives_goal": layout.gives_goal,
                "may_be_missing": run.config.planner.sensing.missing,
            },
            "replan_every": run.config.planner.replan_every,
            "versions": installed_versions(),
        }
        return self._dialect.metadata(metadata)

    def _make_chunk_program(self) -> ChunkMaker:
        """Return a compiled maker of chunks, or one in NumPy if the tracker needs NumPy."""
        run = self._run
        tracker = load_tracker(run)
        if tracker is not None and not takes_library(tracker):
            return continue_plans
        return ChunkProgram(
            run.make_planner(),
            self._weights,
            run.layout,
            capacity=self._settings.action_horizon,
            tracker=tracker,
            dynamics=load_dynamics(run),
        )

    def _new_agent(self, seed: int) -> Agent:
        return Agent.from_run(
            self._run,
            self._weights,
            seed=seed,
            plan_maker=self._planner,
            chunk_maker=self._chunk_maker,
        )
