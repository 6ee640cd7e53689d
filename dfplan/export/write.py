"""exporter: writes a run's compiled planner as files that need neither Flax nor the run."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from dfplan.export.exported import ABOUT, FORMAT, PLATFORMS, WEIGHTS, ExportedPlan, program_name
from dfplan.planner.plan import History, Weights
from dfplan.runs.run import Run
from dfplan.types import Array, UserError, check_choice
from dfplan.util.files import atomic_directory, folder_size

PLATFORMS_BUILT = ("cpu", "cuda")


def export(
    run: Run,
    weights: Weights,
    out: Path | str,
    *,
    batches: tuple[int, ...] = (1,),
    platforms: tuple[str, ...] = PLATFORMS_BUILT,
) -> int:
    """Write a directory that `dfplan.export.load` reads; whole or not at all.

    The weights are arguments of the programs, so that one file of them serves every batch size.

    Args:
        run: with the planner's settings as they are to stay.
        weights: its weights.
        out: must not exist, or be empty.
        batches: numbers of robots to plan for at once; smaller batches use the next larger.
        platforms: of "cpu", "cuda", "rocm" and "tpu"; none of them has to be on this machine.

    Returns:
        Size, bytes.

    Raises:
        UserError: on a batch below 1, an unknown platform, or when `out` cannot be used.
    """
    out, batches = Path(out), tuple(sorted(set(batches)))
    if not batches or batches[0] < 1:
        raise UserError(f"batch sizes must be at least 1, got {batches or 'none'}")
    for platform in platforms:
        check_choice("platform", platform, PLATFORMS)
    if not platforms:
        raise UserError(f"no platform to export for; valid: {', '.join(PLATFORMS)}")
    arrays = named_arrays(weights)
    kinds = {"plan": _plan_program, "inverse": _inverse_program}
    if run.config.planner.low_level_controller != "inverse":
        del kinds["inverse"]
    with atomic_directory(out) as part:
        for kind, make in kinds.items():
            for batch in batches:
                program, shapes = make(run, weights, batch)
                found = jax.export.export(jax.jit(program), platforms=platforms)(arrays, *shapes)
                (part / program_name(kind, batch)).write_bytes(found.serialize())
        numbers: dict[str, Any] = {name: np.asarray(a) for name, a in arrays.items()}
        np.savez(part / WEIGHTS, **numbers)
        text = json.dumps(_about(run, batches, platforms, list(kinds)), indent=2)
        (part / ABOUT).write_text(text + "\n")
    return folder_size(out)


def named_arrays(weights: Weights) -> dict[str, Array]:
    """The arrays of a pytree by their places in it, such as "params/denoiser/head/kernel"."""
    found = jax.tree_util.tree_flatten_with_path(weights)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): a for path, a in found}


def _restored(weights: Weights) -> Callable[[dict[str, Array]], Weights]:
    names, tree = list(named_arrays(weights)), jax.tree.structure(weights)
    return lambda arrays: jax.tree.unflatten(tree, [arrays[name] for name in names])


def _plan_program(run: Run, weights: Weights, batch: int) -> tuple[Callable, list[Any]]:
    """Takes the weights, raw key data, frames, actions, levels and, where there is one, a goal."""
    planner, restore = run.planner, _restored(weights)
    layout, tokens = planner.model.layout, planner.config.history.tokens

    def program(arrays, key_data, frames, actions, level, goal=None):
        keys = jax.random.wrap_key_data(key_data)
        plan = planner.plan(restore(arrays), keys, History(frames, actions, level), goal)
        found = {name: getattr(plan, name) for name in ExportedPlan._fields}
        return {name: a for name, a in found.items() if a is not None}

    shapes = [
        (tokens, layout.frame_count, layout.state_dim),
        (tokens, layout.stride, layout.action_dim),
        (tokens,),
        *([(len(layout.goal_dims),)] if layout.goal_dims else []),
    ]
    return program, [jax.ShapeDtypeStruct((batch, 2), jnp.uint32), *_floats(batch, shapes)]


def _inverse_program(run: Run, weights: Weights, batch: int) -> tuple[Callable, list[Any]]:
    """Takes the weights, states, later states and gaps."""
    planner, restore = run.planner, _restored(weights)
    states = (planner.model.layout.state_dim,)

    def program(arrays, state, later, gap):
        return {"action": planner.inverse_action(restore(arrays), state, later, gap)}

    return program, _floats(batch, [states, states, ()])


def _floats(batch: int, shapes: list[tuple[int, ...]]) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct((batch, *shape), jnp.float32) for shape in shapes]


def _about(
    run: Run, batches: tuple[int, ...], platforms: tuple[str, ...], kinds: list[str]
) -> dict[str, Any]:
    tokens = run.planner.model.layout
    return {
        "format": FORMAT,
        "task": run.task.name or run.task.env,
        "env": run.task.env,
        "tracker": run.task.tracker,
        "dataset": {"id": run.task.dataset, "fingerprint": run.fingerprint},
        "layout": dataclasses.asdict(run.layout),
        "horizon": run.planner.horizon,
        "stride": tokens.stride,
        "frames": tokens.frame_count,
        "history": run.config.planner.history.tokens,
        "planner": dataclasses.asdict(run.config.planner),
        "programs": kinds,
        "batch_sizes": list(batches),
        "platforms": list(platforms),
        "versions": {**run.versions, "exported with jax": jax.__version__},
    }
