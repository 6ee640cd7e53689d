"""Effect of XLA's compiler options: python -m experiments.latency.xla_options."""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.cli.common import console
from dfplan.evaluation.bench import random_history, random_training_arrays
from dfplan.planner.call import PlanCall
from dfplan.planner.diffusion_planner import DiffusionPlanner, as_diffusion_planner
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import load_weights
from dfplan.training.step import TrainSpec, init_state, train_until
from experiments.common.markdown import table
from experiments.latency.compare import reference_recipe

RUN = "pointmaze-large"
OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "vectors of 512 bits": {"xla_cpu_prefer_vector_width": 512},
    "no fusion emitters": {"xla_cpu_use_fusion_emitters": False},
    "oneDNN": {"xla_cpu_use_onednn": True},
    "fast math": {"xla_cpu_enable_fast_math": True},
}
STEPS = 2
"""Training steps per call."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compile each program with all options, call the copies in turn, and print time ratios."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.latency.xla_options", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=10, help="calls of each copy")
    args = parser.parse_args(argv)
    rows = [(name, *ratios(*lower(), args.rounds)) for name, lower in PROGRAMS.items()]
    console.print(table(("", *OPTIONS), rows))
    return 0


def lower_plan() -> tuple[Any, Callable[[], tuple]]:
    """Return the pretrained planner's longest plan, lowered, and a function for its arguments."""
    resolved = resolve_run(RUN)
    weights = load_weights(resolved.run, resolved.directory)
    planner = as_diffusion_planner(resolved.run.make_planner())
    keys = jax.random.split(jax.random.key(0), 1)
    history = random_history(planner, weights, 1)

    def arguments() -> tuple:
        return (PlanCall(weights, keys, history, goal=None),)

    return DiffusionPlanner.plan.lower(planner, *arguments()), arguments


def lower_training(recipe: TrainSpec) -> tuple[Any, Callable[[], tuple]]:
    """Return training steps, lowered, and a function for their arguments.

    A call donates its state, so each call needs a fresh copy.
    """
    training_arrays = random_training_arrays(recipe.model)
    state = init_state(recipe)
    last_step = state.step + STEPS

    def arguments() -> tuple:
        return jax.block_until_ready((training_arrays, jax.tree.map(jnp.copy, state), last_step))

    return train_until.lower(recipe, training_arrays, state, last_step), arguments


def lower_default_training() -> tuple[Any, Callable[[], tuple]]:
    """Return training steps of the pretrained planner, as `lower_training`."""
    run = resolve_run(RUN).run
    return lower_training(TrainSpec(run.model, run.config.data, run.config.training))


PROGRAMS: dict[str, Callable[[], tuple[Any, Callable[[], tuple]]]] = {
    "longest plan": lower_plan,
    "training step": lower_default_training,
    "reference architecture's training step": lambda: lower_training(reference_recipe("float32")),
    "the same in bfloat16": lambda: lower_training(reference_recipe("bfloat16")),
}


def ratios(lowered: Any, arguments: Callable[[], tuple], rounds: int) -> list[str]:
    """Return the median time ratio of each option to the first one, with calls in turn.

    Args:
        lowered: Lowered program.
        arguments: Returns the arguments of one call.
        rounds: Number of calls of each compiled copy.
    """
    copies = [lowered.compile(compiler_options=options) for options in OPTIONS.values()]
    for copy in copies:
        jax.block_until_ready(copy(*arguments()))
    times = np.array([[_seconds(copy, arguments()) for copy in copies] for _ in range(rounds)])
    return [f"{ratio:.2f}" for ratio in np.median(times / times[:, :1], axis=0)]


def _seconds(call: Callable[..., Any], arguments: tuple) -> float:
    begin = time.perf_counter()
    jax.block_until_ready(call(*arguments))
    return time.perf_counter() - begin


if __name__ == "__main__":
    raise SystemExit(main())
