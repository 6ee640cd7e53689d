"""Profile of a training step: python -m experiments.latency.profile."""

import argparse
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from dfplan.cli.common import console
from dfplan.evaluation.bench import random_training_arrays
from dfplan.training.step import init_state, train_step
from experiments.common.markdown import number, table
from experiments.latency.compare import reference_recipe

PRODUCTS = re.compile(r"^(ynn_fusion|dot)")
"""XLA's names for matrix products on a CPU, with the operations fused into them."""
LISTED = 8
"""Operations listed by name, besides the products."""


def main(argv: Sequence[str] | None = None) -> int:
    """Trace a training step of the reference architecture, and print its longest operations."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.latency.profile", description=__doc__
    )
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    args = parser.parse_args(argv)
    ms_by_name = trace(args.dtype)
    total = sum(ms_by_name.values())
    products = sum(ms for name, ms in ms_by_name.items() if PRODUCTS.match(name))
    others = [(name, ms) for name, ms in ms_by_name.most_common() if not PRODUCTS.match(name)]
    rows = [("matrix products", products), *others[:LISTED]]
    rows.append(("all others", sum(ms for _, ms in others[LISTED:])))
    cells = [(name, number(ms, 0), number(100 * ms / total, 0)) for name, ms in rows]
    console.print(table(("part", "ms, all cores", "%"), cells))
    return 0


def trace(dtype: str) -> Counter[str]:
    """Return milliseconds of one step by XLA's operation names, summed over threads."""
    recipe = reference_recipe(dtype)
    training_arrays = random_training_arrays(recipe.model)
    state = init_state(recipe)
    step = jax.jit(train_step, static_argnums=0)
    state, _ = jax.block_until_ready(step(recipe, training_arrays, state))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            jax.block_until_ready(step(recipe, training_arrays, state))
        path = next(Path(folder).rglob("*.xplane.pb"))
        return _sum_events(jax.profiler.ProfileData.from_file(str(path)))


def _sum_events(profile: Any) -> Counter[str]:
    ms_by_name: Counter[str] = Counter()
    lines = [line for plane in profile.planes for line in plane.lines if "XLA" in line.name]
    for event in (event for line in lines for event in line.events):
        if "::" not in event.name:  # XLA's own bookkeeping, which contains other events
            name = re.sub(r"[.\d]+$", "", event.name)
            ms_by_name[name] += event.duration_ns / 1e6
    return ms_by_name


if __name__ == "__main__":
    raise SystemExit(main())
