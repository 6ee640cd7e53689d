"""PlannerConfig: how plans are sampled, chosen and followed."""

import dataclasses

from dfplan.planner.conditioning_config import GoalConfig, HistoryConfig
from dfplan.planner.execution_config import MAX_STEPS, SensingConfig, TimingConfig
from dfplan.planner.registry import PLANNERS, RANKERS
from dfplan.planner.sampling_config import (
    MAX_CANDIDATES,
    GuidanceConfig,
    SamplingConfig,
    WarmStartConfig,
)
from dfplan.representation.config import MAX_TOKENS
from dfplan.types import UserError
from dfplan.util.registry import parse_spec
from dfplan.util.validate import check_integers, check_numbers, naming


@dataclasses.dataclass(frozen=True)
class PlannerConfig:
    """A receding-horizon planner.

    Attributes:
        kind: Planning algorithm, from `dfplan.planner.registry.PLANNERS`: "diffusion", "subgoals",
            which searches for a sequence of single moves to a goal for several objects (needs
            `data.single_moves`), or one that another package registers.
        horizon: Future tokens per plan, P; 0 for the same number as in training.
        candidates: Candidate plans per call, N; the ranker chooses the best one, or a mean of them.
        ranker: How candidates are compared: "arrival" (earliest arrival at the goal, plus the OOD
            penalty; with "arrival:hold=false", plans go on after their arrival), "value" (highest
            expected return of the plan), "action_value" (highest expected return after the first
            action toward the plan; settings: `action_value`; with "action_value:temperature=0.3",
            a mean of the candidates, weighted by their returns), "auto" ("value" where the goal is
            reward, else "arrival"), or one that another package registers.
        replan_every: Control steps between plans (the execution horizon).
        ood_penalty: Out-of-distribution penalty, in control steps per step that a candidate spends
            off the data support in the goal's dimensions; 0 turns it off. Ignored where the goal
            has more than three dimensions.
        low_level_controller: What turns a plan into actions: a "tracker" that the task supplies,
            "inverse" dynamics learned with the planner, a "policy" learned before it (settings:
            `policy`), the plan's own "diffused" actions, or a controller that another package
            registers in `dfplan.control.low_level.LOW_LEVEL_CONTROLLERS`.
        sampling: How a plan is denoised.
        goal: How a plan is conditioned on its goal.
        guidance: Gradient guidance.
        history: Observed tokens that a plan is conditioned on.
        sensing: Noisy and missing observations.
        warm_start: Replanning from the last plan.
        timing: Deadlines, the delay of planning, and plans that are followed early.

    Raises:
        UserError: If a value is unknown or out of range.
    """

    kind: str = "diffusion"
    horizon: int = 0
    candidates: int = 4
    ranker: str = "auto"
    replan_every: int = 10
    ood_penalty: float = 5.0
    low_level_controller: str = "inverse"
    sampling: SamplingConfig = SamplingConfig()
    goal: GoalConfig = GoalConfig()
    guidance: GuidanceConfig = GuidanceConfig()
    history: HistoryConfig = HistoryConfig()
    sensing: SensingConfig = SensingConfig()
    warm_start: WarmStartConfig = WarmStartConfig()
    timing: TimingConfig = TimingConfig()

    def __post_init__(self):
        with naming("planner.kind"):
            PLANNERS.check(self.kind, named=("model", "config", "horizon"))
        with naming("planner.ranker"):
            RANKERS.check(self.ranker, named=("layout", "config"))
        check_integers(self, "planner.", minimum=0, names=["horizon"], maximum=MAX_TOKENS)
        check_integers(self, "planner.", minimum=1, names=["candidates"], maximum=MAX_CANDIDATES)
        check_integers(self, "planner.", minimum=1, names=["replan_every"], maximum=MAX_STEPS)
        check_numbers(self, "planner.", ["ood_penalty"])
        if self.guidance.samples > 1 and not self.goal.as_guidance:
            raise UserError(
                f"planner.guidance.samples {self.guidance.samples} averages a gradient, and "
                f"planner.goal.conditioning {self.goal.conditioning!r} has none; valid here: "
                "1, or the conditioning guidance or both"
            )

    @property
    def uses_policy(self) -> bool:
        """Whether a low-level policy, which is learned first, follows the plans."""
        return parse_spec(self.low_level_controller)[0] == "policy"

    @property
    def replays_actions(self) -> bool:
        """Whether planned actions are replayed by the clock, in whatever state the robot is."""
        return parse_spec(self.low_level_controller)[0] == "diffused"

    @property
    def uses_action_critic(self) -> bool:
        """Whether candidates are compared by an action critic, which is learned first."""
        return parse_spec(self.ranker)[0] == "action_value"
