"""ActionValueRanker: prefers the candidate whose first action has the highest value."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Float, Int

from dfplan.planner.config import PlannerConfig
from dfplan.planner.measures import never_arrives
from dfplan.planner.plan import Ranking, Weights
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, UserError
from dfplan.util.registry import parse_spec
from dfplan.util.validate import check_numbers
from dfplan.value.action_critic import scaled_values
from dfplan.value.critic import pessimistic


@dataclasses.dataclass(frozen=True)
class ActionValueRanker:
    """Ranks candidates by the value of the action that the robot would take toward each of them.

    That action is the low-level policy's, toward the candidate's first future token. The critic
    values it in the observed state, while a critic of whole plans has to value sampled states. To
    sample actions as in the data and choose one by its value is the policy of IDQL
    (Hansen-Estruch et al. 2023, arXiv 2304.10573).

    The best of many candidates may owe its rank to errors of the critic. With a temperature above
    0, a mean of the candidates is followed instead, with weights exp(-d / T), where d is how far a
    candidate's value lies below the best one. T is the temperature times the disagreement of the
    critic's networks: the standard deviation of d over the networks, averaged over the candidates.

    Attributes:
        layout: Token layout.
        config: Planner settings.
        temperature: T divided by that disagreement; with 0, the best candidate alone is followed.

    Raises:
        UserError: If the goal is not reward, actions do not come from a low-level policy, or the
            temperature is not a finite number of at least 0.
    """

    layout: TokenLayout
    config: PlannerConfig
    temperature: float = 0.0

    def __post_init__(self):
        check_numbers(self, "planner.ranker action_value:", ["temperature"])
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
        values = scaled_values(critic.nets, present, action).reshape(-1, *count)
        value = pessimistic(values, self.config.goal.pessimism)
        temperature = None
        if self.temperature:
            best = jnp.argmax(value, axis=1)
            temperature = critic.scale * self.temperature * _disagreement(values, best)
        return Ranking(
            arrival=never_arrives(candidates, self.layout.stride),
            cost=-(critic.base + critic.scale * value),
            temperature=temperature,
        )


def _disagreement(values: Float[Array, "K B N"], best: Int[Array, "B"]) -> Float[Array, "B"]:
    """Return how much the networks disagree on the candidates' differences from the best one."""
    difference = values - jnp.take_along_axis(values, best[None, :, None], axis=2)
    return difference.std(axis=0).mean(axis=1)
