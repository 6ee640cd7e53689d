"""OGBench's evaluation protocol: fixed tasks, the goal given at the reset.

Park et al. 2025 (arXiv 2410.20092); `evaluate` in `impls/utils/evaluation.py`. Each environment has
five tasks, chosen by `reset(options={"task_id": k})`, k = 1 to 5. The goal is `info["goal"]`, an
observation of the goal state. An episode counts as a success if the success flag of its last step
is set. The published numbers are means over 50 episodes per task, so 250 in all.

The environments draw from NumPy's global generator: the noise of starts and goals at the reset, and
the exits of teleporters at any step. Resets also take random actions from the environment's action
space. The manipulation suite makes a new space, without a seed, at every access.

Deviation: OGBench seeds nothing per episode. Here each episode has a seed of its own, so that it
can be repeated alone; it also seeds the global generator.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dfplan.tasks.global_random import OwnGlobalRandom
from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class OGBenchProtocol:
    """OGBench's protocol; see the module.

    Attributes:
        task_count: Number of tasks of the environment.
        metric: Metric by which each task is scored.
        gives_goals: Always true.

    Raises:
        UserError: If the number of tasks is below 1.
    """

    task_count: int = 5
    metric: str = dataclasses.field(default="success_rate", init=False)
    gives_goals: bool = dataclasses.field(default=True, init=False)

    def __post_init__(self):
        if self.task_count < 1:
            raise UserError(f"protocol ogbench needs at least 1 task, got {self.task_count}")

    def wrap(self, env: Any) -> OwnGlobalRandom:
        """Return the environment with a global random state and an action space of its own."""
        _keep_action_space(env.unwrapped)
        return OwnGlobalRandom(env)

    def reset(self, env: Any, seed: int, task: int | None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode of a task; the same seed gives the same episode.

        It does not depend on earlier episodes of the environment either. A first reset may: what it
        leaves behind, such as the friction of a drawer that was locked, changes the last bits of
        MuJoCo's solution. After a second one, only the seed matters.
        """
        _reset(env, seed, task)
        return _reset(env, seed, task)

    def goal_observation(self, info: Mapping[str, Any]) -> Any:
        """Return `info["goal"]`.

        Raises:
            UserError: If the environment gives no goal.
        """
        if "goal" not in info:
            raise UserError(
                "evaluation protocol 'ogbench' needs info[\"goal\"] from the environment's reset; "
                f"info has: {', '.join(map(str, info)) or 'nothing'}"
            )
        return info["goal"]


def _reset(env: Any, seed: int, task: int | None) -> tuple[Any, dict[str, Any]]:
    env.unwrapped.action_space.seed(seed)  # `reset(seed=...)` does not seed it.
    return env.reset(seed=seed, options={"task_id": task})


def _keep_action_space(env: Any) -> None:
    """Let an environment that makes a new action space at every access keep one, to seed it."""
    space = env.action_space
    if env.action_space is not space:
        kind = type(env)
        env.__class__ = type(kind.__name__, (kind,), {"action_space": space})
