"""Where a training step's time goes: python -m experiments.latency.profile."""

import argparse
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from dfplan.bench import random_corpus
from dfplan.cli.common import console
from dfplan.training.step import init_state, train_step
from experiments.latency.compare import reference_recipe
from experiments.maze2d.markdown import number, table

PRODUCTS = re.compile(r"^(ynn_fusion|dot)")
"""XLA's names for matrix products on a CPU; what goes with a product is in it."""
NAMED = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Trace a training step of the reference architecture, and print its largest parts."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.latency.profile", description=__doc__
    )
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    args = parser.parse_args(argv)
    parts = trace(args.dtype)
    total = sum(parts.values())
    products = sum(ms for name, ms in parts.items() if PRODUCTS.match(name))
    rest = [(n, ms) for n, ms in parts.most_common() if not PRODUCTS.match(n)]
    rows = [("matrix products", products), *rest[:NAMED]]
    rows.append(("all others", sum(ms for _, ms in rest[NAMED:])))
    cells = [(name, number(ms, 0), number(100 * ms / total, 0)) for name, ms in rows]
    console.print(table(("part", "ms, all cores", "%"), cells))
    return 0


def trace(dtype: str) -> Counter[str]:
    """Milliseconds of one step by XLA's names for its parts, summed over threads."""
    recipe = reference_recipe(dtype)
    corpus, state = random_corpus(recipe.model), init_state(recipe)
    step = jax.jit(train_step, static_argnums=0)
    state, _ = jax.block_until_ready(step(recipe, corpus, state))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            jax.block_until_ready(step(recipe, corpus, state))
        path = next(Path(folder).rglob("*.xplane.pb"))
        return _sum(jax.profiler.ProfileData.from_file(str(path)))


def _sum(profile: Any) -> Counter[str]:
    parts: Counter[str] = Counter()
    for plane in profile.planes:
        for line in plane.lines:
            if "XLA" in line.name:
                for event in line.events:
                    if "::" not in event.name:  # XLA's own bookkeeping holds other events
                        name = re.sub(r"[.\d]+$", "", event.name)
                        parts[name] += event.duration_ns / 1e6
    return parts


if __name__ == "__main__":
    raise SystemExit(main())
