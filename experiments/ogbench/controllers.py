"""The low-level controllers to compare, learned from one dataset in as many steps each."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dfplan.control.low_level import LowLevelController, make_low_level_controller
from dfplan.data.training_arrays import TrainingArrays
from dfplan.data.trajectories import Trajectories
from dfplan.data.windows import sample_batch
from dfplan.model import Model
from dfplan.planner.plan import Weights
from dfplan.policy.config import PolicyConfig
from dfplan.representation.config import DataConfig
from dfplan.runs.data import prepare_arrays
from dfplan.runs.fit import fit_run, learn_policy
from dfplan.runs.presets import make_config
from dfplan.runs.run import Run
from dfplan.tasks.registry import Task
from dfplan.training.objective import inverse_loss
from dfplan.types import Array, PyTree


class Variant(NamedTuple):
    """A low-level controller of the comparison.

    Attributes:
        label: Description in the tables.
        controller: Spec of the low-level controller.
        policy: Policy settings that differ from the task's.
    """

    label: str
    controller: str
    policy: dict[str, Any]

    @property
    def looks_ahead(self) -> bool:
        """Whether it aims at a point ahead on the path, not at the next token."""
        return self.controller == "policy" and not self.policy.get("timed")


CLONED: dict[str, Any] = {"sharpness": 0.0}
WEIGHTED: dict[str, Any] = {"sharpness": 3.0}
TIMED: dict[str, Any] = {"timed": True}
VARIANTS = {
    "inverse": Variant("inverse dynamics", "inverse", {}),
    "cloned-timed": Variant("cloning, with the time left", "policy", CLONED | TIMED),
    "cloned": Variant("cloning", "policy", CLONED),
    "policy-timed": Variant("advantage-weighted, with the time left", "policy", WEIGHTED | TIMED),
    "policy": Variant("advantage-weighted", "policy", WEIGHTED),
}


@dataclasses.dataclass(frozen=True, eq=False)
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
        """Run without a denoiser, with the task's stride."""
        # As no denoiser is trained, windows can be short.
        changes = {"data.tokens": 2, "data.stitch": False, "policy.steps": self.steps}
        return fit_run(self.task, make_config(self.task).override(changes), self.data)

    @functools.cached_property
    def _arrays(self) -> TrainingArrays:
        return prepare_arrays(self.run, self.data)

    @functools.cached_property
    def _inverse(self) -> PyTree:
        run = self.run
        return _fit_inverse(
            run.model, run.config.data, run.config.policy, self._arrays, jax.random.key(0)
        )

    def learn(self, variant: Variant, lookahead: int = 0) -> LowLevelController:
        """Return a controller.

        Args:
            variant: Controller; its networks are learned once.
            lookahead: Lookahead of a policy in control steps; 0 for its default.
        """
        run, weights = self._learned(variant.label)
        if lookahead:
            run = run.with_planner({"low_level_controller": f"policy:lookahead={lookahead}"})
        return make_low_level_controller(run.make_planner(), weights, tracker=None, xp=np)

    @functools.cache  # noqa: B019  (a learner lives as long as the program)
    def _learned(self, label: str) -> tuple[Run, Weights]:
        variant = next(v for v in VARIANTS.values() if v.label == label)
        changes = {f"policy.{name}": value for name, value in variant.policy.items()}
        changes["planner.low_level_controller"] = variant.controller
        config = self.run.config.override(changes)
        run = learn_policy(dataclasses.replace(self.run, config=config), self._arrays)
        params = self._inverse if variant.controller == "inverse" else {}
        return run, Weights(params, run.states, run.actions, policy=run.policy)


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
