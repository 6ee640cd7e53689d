"""What XLA's compiler options change: python -m experiments.latency.options."""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.bench import random_corpus, random_history
from dfplan.cli.common import console
from dfplan.find import find_run
from dfplan.planner.core import Planner
from dfplan.run import load_weights
from dfplan.training.step import Recipe, init_state, train_until
from experiments.latency.compare import reference_recipe
from experiments.maze2d.markdown import table

RUN = "pointmaze-large"
OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "vectors of 512 bits": {"xla_cpu_prefer_vector_width": 512},
    "no fusion emitters": {"xla_cpu_use_fusion_emitters": False},
    "oneDNN": {"xla_cpu_use_onednn": True},
    "fast math": {"xla_cpu_enable_fast_math": True},
}
STEPS = 2
"""Training steps of one call."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compile each program with all options, call the copies in turn, and print the ratios."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.latency.options", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=10, help="calls of each copy")
    args = parser.parse_args(argv)
    rows = [(name, *ratios(*make(), args.rounds)) for name, make in PROGRAMS.items()]
    console.print(table(("", *OPTIONS), rows))
    return 0


def plan() -> tuple[Any, Callable[[], tuple]]:
    """The longest plan of the trained planner, lowered, and what makes its arguments."""
    found = find_run(RUN)
    weights = load_weights(found.run, found.directory)
    planner = found.run.planner
    keys, history = jax.random.split(jax.random.key(0), 1), random_history(planner, weights, 1)
    return (
        Planner.plan.lower(planner, weights, keys, history, None),
        lambda: (weights, keys, history, None),
    )


def training(recipe: Recipe) -> tuple[Any, Callable[[], tuple]]:
    """Steps of training, lowered, and what makes their arguments: a call uses its state up."""
    corpus, state = random_corpus(recipe.model), init_state(recipe)
    args = corpus, state, state.step + STEPS
    return (
        train_until.lower(recipe, *args),
        lambda: jax.block_until_ready((corpus, jax.tree.map(jnp.copy, state), args[2])),
    )


def _default() -> Recipe:
    run = find_run(RUN).run
    return Recipe(run.model, run.config.data, run.config.training)


PROGRAMS: dict[str, Callable[[], tuple[Any, Callable[[], tuple]]]] = {
    "longest plan": plan,
    "training step": lambda: training(_default()),
    "reference architecture's training step": lambda: training(reference_recipe("float32")),
    "the same in bfloat16": lambda: training(reference_recipe("bfloat16")),
}


def ratios(lowered: Any, arguments: Callable[[], tuple], rounds: int) -> list[str]:
    """Median time with each of the options over that with the first, of calls in turn."""
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
