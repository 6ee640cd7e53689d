"""OGBench's evaluation protocol: fixed tasks, the goal given at the reset.

Park et al. 2025 (arXiv 2410.20092); `evaluate` in `impls/utils/evaluation.py`. Each environment has
five tasks, chosen by `reset(options={"task_id": k})`, k = 1 to 5. The goal is `info["goal"]`, an
observation of the goal state. An episode counts as a success if the success flag of its last step
is set. The published numbers are means over 50 episodes per task, so 250 in all.

The environments draw from NumPy's global generator: the noise of starts and goals at the reset, and
the exits of teleporters at any step.

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
        """Return the environment with a global random state of its own."""
        return OwnGlobalRandom(env)

    def reset(self, env: Any, seed: int, task: int | None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode of a task; the same seed gives the same episode."""
        # Resets take random actions from the environment's own action space, which
        # `reset(seed=...)` does not seed.
        env.unwrapped.action_space.seed(seed)
        return env.reset(seed=seed, options={"task_id": task})

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
