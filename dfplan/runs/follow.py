"""What the plans of a run are followed with, besides its weights: the tracker and the dynamics."""

from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.runs.fit import get_dynamics
from dfplan.runs.run import Run
from dfplan.tasks.load import load_function
from dfplan.types import Tracker


def load_tracker(run: Run) -> Tracker | None:
    """Return the tracker that the run's plans are followed with, if it needs one and has one.

    Raises:
        UserError: If it cannot be loaded.
    """
    if run.config.planner.low_level_controller != "tracker" or not run.task.tracker:
        return None
    return load_function(run.task.tracker)


def load_dynamics(run: Run) -> LinearDynamics | None:
    """Return the dynamics that were fitted to the run's data, or None if the run has none.

    Raises:
        UserError: If states must be filtered, and the run has neither dynamics nor its dataset.
    """
    return get_dynamics(run) if run.config.planner.sensing.filters else run.dynamics
