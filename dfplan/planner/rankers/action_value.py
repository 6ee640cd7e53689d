"""ActionValueRanker: prefers the candidate whose first action has the highest value."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.planner.config import PlannerConfig
from dfplan.planner.measures import never_arrives
from dfplan.planner.plan import Ranking, Weights
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, UserError
from dfplan.util.registry import parse_spec


@dataclasses.dataclass(frozen=True)
class ActionValueRanker:
    """Ranks candidates by the value of the action that the robot would take toward each of them.

    That action is the low-level policy's, toward the candidate's first future token. The critic
    values it in the observed state, while a critic of whole plans has to value sampled states. To
    sample actions as in the data and choose one by its value is the policy of IDQL
    (Hansen-Estruch et al. 2023, arXiv 2304.10573).

    Attributes:
        layout: Token layout.
        config: Planner settings.

    Raises:
        UserError: If the goal is not reward, or actions do not come from a low-level policy.
    """

    layout: TokenLayout
    config: PlannerConfig

    def __post_init__(self):
        if not self.layout.reward_conditioned:
            raise UserError(
                "planner.ranker 'action_value' needs a run trained with data.goal 'reward'; "
                "valid here: auto, arrival"
            )
        controller = parse_spec(self.config.low_level_controller)[0]
        if controller != "policy":
            raise UserError(
                "planner.ranker 'action_value' evaluates the actions of a low-level policy, and "
                f"planner.low_level_controller is {controller!r}; valid with it: policy"
            )

    def rank(
        self,
        candidates: Float[Array, "B N T S"],
        goal: Float[Array, "B G"] | None,
        weights: Weights,
    ) -> Ranking:
        """Return the candidates' costs, the negated values of their first actions; see `Ranker`.

        Raises:
            UserError: If the run has no action critic or no policy.
        """
        critic = weights.action_critic
        policy = weights.policy
        if critic is None or policy is None:
            raise UserError(
                "planner.ranker 'action_value' needs a run that was trained with it and with "
                "planner.low_level_controller 'policy'; valid here: auto, value"
            )
        count = candidates.shape[:2]
        flat = candidates.reshape(-1, *candidates.shape[2:])
        states = weights.states.encode_input(flat[:, :2])
        present = states[:, 0]
        target = states[:, 1, jnp.asarray(policy.inputs.target_dims, jnp.int32)]
        steps = jnp.full(len(flat), float(self.layout.stride), jnp.float32)
        action = policy.action(present, target, steps)
        value = critic.value(present, action, self.config.goal.pessimism)
        return Ranking(
            arrival=never_arrives(candidates, self.layout.stride), cost=-value.reshape(count)
        )
