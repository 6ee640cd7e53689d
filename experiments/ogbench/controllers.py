"""The low-level controllers to compare, learned from one dataset with the same number of steps."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dfplan.control.low_level import LowLevelController, make_low_level_controller
from dfplan.data.minari_io import Trajectories
from dfplan.data.windows import TrainingArrays, sample_batch
from dfplan.model import Model
from dfplan.planner.plan import Weights
from dfplan.policy.config import PolicyConfig
from dfplan.representation.config import DataConfig
from dfplan.runs.fit import fit_run, learn_policy
from dfplan.runs.presets import make_config
from dfplan.runs.run import Run
from dfplan.tasks.registry import Task
from dfplan.training.objective import inverse_loss
from dfplan.types import Array, PyTree


class Variant(NamedTuple):
    """A controller.

    Attributes:
        label: Description.
        controller: Spec of the low-level controller.
        policy: Settings of the policy to change.
    """

    label: str
    controller: str
    policy: dict[str, Any]


CLONED: dict[str, Any] = {"sharpness": 0.0}
TIMED: dict[str, Any] = {"timed": True}
VARIANTS = {
    "inverse": Variant("inverse dynamics", "inverse", {}),
    "cloned-timed": Variant("cloning, with the time left", "policy", CLONED | TIMED),
    "cloned": Variant("cloning", "policy", CLONED),
    "policy-timed": Variant("advantage-weighted, with the time left", "policy", TIMED),
    "policy": Variant("advantage-weighted", "policy", {}),
}


@dataclasses.dataclass(frozen=True)
class Learner:
    """Learns controllers from a dataset.

    Attributes:
        data: Dataset.
        task: Its task.
        steps: Optimizer steps of each controller.
    """

    data: Trajectories
    task: Task
    steps: int

    @functools.cached_property
    def run(self) -> Run:
        """Run without a denoiser, whose tokens are those of the task."""
        # Two tokens are enough, as no denoiser is trained.
        changes = {"data.tokens": 2, "policy.steps": self.steps}
        return fit_run(self.task, make_config(self.task).override(changes), self.data)

    @functools.cached_property
    def _arrays(self) -> TrainingArrays:
        return self.run.training_arrays(self.data)

    @functools.cached_property
    def _inverse(self) -> PyTree:
        run = self.run
        return _fit_inverse(
            run.model, run.config.data, run.config.policy, self._arrays, jax.random.key(0)
        )

    def learn(self, variant: Variant, lookahead: int = 0) -> LowLevelController:
        """Return a controller.

        Args:
            variant: Which one.
            lookahead: Lookahead of a policy in control steps; 0 for its default.
        """
        spec = variant.controller
        changes = {f"policy.{name}": value for name, value in variant.policy.items()}
        config = self.run.config.override({**changes, "planner.low_level_controller": spec})
        run = learn_policy(dataclasses.replace(self.run, config=config), self._arrays)
        params = self._inverse if spec == "inverse" else {}
        weights = Weights(params, run.states, run.actions, policy=run.policy)
        return self.make(run, weights, lookahead)

    def make(self, run: Run, weights: Weights, lookahead: int = 0) -> LowLevelController:
        """Return the controller of a run whose weights are known; see `learn`."""
        spec = run.config.planner.low_level_controller
        if spec == "policy" and lookahead:
            run = run.with_planner({"low_level_controller": f"policy:lookahead={lookahead}"})
        return make_low_level_controller(run.make_planner(), weights, tracker=None, xp=np)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _fit_inverse(
    model: Model, data: DataConfig, config: PolicyConfig, arrays: TrainingArrays, key: Array
) -> PyTree:
    """Return the inverse dynamics of `dfplan train`, fitted alone."""
    params = {"inverse": model.init(0)["inverse"]}
    optimizer = optax.adam(optax.cosine_decay_schedule(config.learning_rate, config.steps))

    def step(carry, i):
        params, opt_state = carry
        batch = sample_batch(
            jax.random.fold_in(key, i), arrays, model.layout, data, config.batch_size
        )
        grads = jax.grad(inverse_loss)(params, model, batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), None

    start = (params, optimizer.init(params))
    (params, _), _ = jax.lax.scan(step, start, jnp.arange(config.steps))
    return params
