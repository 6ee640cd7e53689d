"""How a robot follows plans: settings of its sensing and of the time that planning takes."""

import dataclasses

from dfplan.util.validate import MAX_NUMBER, check_integers, invalid, is_number, set_tuple

ESTIMATED = -1.0
"""Stands for an observation noise that is estimated online."""
MAX_STEPS = 1_000_000
"""Control steps."""


@dataclasses.dataclass(frozen=True)
class SensingConfig:
    """Noisy and missing observations.

    Attributes:
        observation_noise: Standard deviation of the observation noise, in the observation's units:
            one number for all state dimensions, or one per dimension; -1 estimates it online.
            States are then Kalman-filtered, and history tokens get the noise level of the
            posterior.
        missing: Whether observations may hold NaN for missing values; these are then imputed.

    Raises:
        UserError: If a value is out of range.
    """

    observation_noise: tuple[float, ...] = ()
    missing: bool = False

    def __post_init__(self):
        set_tuple(self, "observation_noise")
        noise = self.observation_noise
        if not all(is_number(s) and (0 <= s <= MAX_NUMBER or s == ESTIMATED) for s in noise):
            valid = f"numbers in [0, {MAX_NUMBER:g}], or -1 to estimate them"
            raise invalid("planner.sensing.observation_noise", self.observation_noise, valid)

    @property
    def filters(self) -> bool:
        """Whether states are estimated rather than taken as observed."""
        return self.missing or any(self.observation_noise)


@dataclasses.dataclass(frozen=True)
class TimingConfig:
    """Planning while the robot moves: deadlines, real-time chunking, and early first actions.

    Attributes:
        deadline_ms: Time budget of `act`, in milliseconds; when it is exceeded, the active plan
            stays active until the new one is ready. 0 never waits, -1 sets no limit.
        inference_delay: Control steps d that planning takes, for real-time chunking: the next d
            control steps of the active plan, which the robot executes meanwhile, are committed, and
            each new plan begins with them. 0 commits nothing.
        near_tokens: Tokens of a plan that are clean before the robot begins to follow it; the rest
            of the plan is made meanwhile and followed from the next control step on. 0 waits for
            the whole plan.

    Raises:
        UserError: If a value is out of range.
    """

    deadline_ms: float = -1.0
    inference_delay: int = 0
    near_tokens: int = 0

    def __post_init__(self):
        deadline = self.deadline_ms
        if not is_number(deadline) or not (0 <= deadline <= MAX_NUMBER or deadline == -1):
            valid = f"milliseconds in [0, {MAX_NUMBER:g}], or -1 for no limit"
            raise invalid("planner.timing.deadline_ms", deadline, valid)
        names = ["inference_delay", "near_tokens"]
        check_integers(self, "planner.timing.", minimum=0, names=names, maximum=MAX_STEPS)
