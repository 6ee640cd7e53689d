"""Export of a run's compiled planner to files that need neither Flax nor the run."""

import dataclasses
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from dfplan.control.learned_policy import policy_of, steer
from dfplan.export.exported import (
    FORMAT,
    METADATA,
    PLATFORMS,
    WEIGHTS,
    ExportedPlan,
    Program,
    argument_shapes,
    file_checksum,
    program_name,
)
from dfplan.model import Model
from dfplan.planner.call import PlanCall
from dfplan.planner.config import TimingConfig
from dfplan.planner.inverse import inverse_action
from dfplan.planner.plan import History, Weights
from dfplan.planner.protocol import Planner
from dfplan.runs.run import Run
from dfplan.types import Array, UserError, check_choice
from dfplan.util.files import atomic_directory, folder_size
from dfplan.util.registry import parse_spec

DEFAULT_PLATFORMS = ("cpu", "cuda")


ActionFunction = Callable[..., Array]
"""Function of a model, weights, states, later states and control steps, to actions."""


def export(
    run: Run,
    weights: Weights,
    out: Path | str,
    *,
    batches: tuple[int, ...] = (1,),
    platforms: tuple[str, ...] = DEFAULT_PLATFORMS,
) -> int:
    """Write a directory that `dfplan.export.load` reads, atomically.

    The weights are arguments of the programs, so that one file of them serves every batch size.

    Args:
        run: Run with the planner settings to export.
        weights: Weights of the run.
        out: Output directory; must not exist, or be empty.
        batches: Batch sizes in robots; a smaller batch uses the next larger program.
        platforms: Platforms to compile for, of "cpu", "cuda", "rocm" and "tpu"; they need not be
            available on this machine.

    Returns:
        Size of the directory in bytes.

    Raises:
        UserError: If a batch size is below 1, a platform is unknown, `out` cannot be used, or the
            run's timing is that of an agent.
    """
    _check_timing(run.config.planner.timing)
    out = Path(out)
    batches = tuple(sorted(set(batches)))
    if not batches or batches[0] < 1:
        raise UserError(f"batch sizes must be at least 1, got {batches or 'none'}")
    for platform in platforms:
        check_choice("platform", platform, PLATFORMS)
    if not platforms:
        raise UserError(f"no platform to export for; valid: {', '.join(PLATFORMS)}")
    planner = run.make_planner()
    arrays = named_arrays(weights)
    programs = {"plan": _plan_program(planner, weights)}
    controller, _ = parse_spec(run.config.planner.low_level_controller)
    if controller in ACTIONS:
        programs["action"] = _action_program(ACTIONS[controller], planner.model, weights)
    metadata = _metadata(
        run, planner, batches=batches, platforms=platforms, programs=list(programs)
    )
    with atomic_directory(out) as part:
        for (kind, program), batch in itertools.product(programs.items(), batches):
            shapes = argument_shapes(kind, batch, metadata, layout=run.layout)
            compiled = jax.export.export(jax.jit(program), platforms=platforms)(arrays, *shapes)
            (part / program_name(kind, batch)).write_bytes(compiled.serialize())
        numpy_arrays: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
        np.savez(part / WEIGHTS, **numpy_arrays)
        metadata["files"] = {p.name: file_checksum(p) for p in sorted(part.iterdir())}
        (part / METADATA).write_text(json.dumps(metadata, indent=2) + "\n")
    return folder_size(out)


def _check_timing(timing: TimingConfig) -> None:
    """Check that the settings ask for nothing that only an agent does while the robot moves."""
    default = TimingConfig()
    for field in dataclasses.fields(timing):
        value = getattr(timing, field.name)
        valid = getattr(default, field.name)
        if value != valid:
            raise UserError(
                f"planner.timing.{field.name} {value} works with an Agent only, as an exported "
                f"planner returns whole plans and follows none; valid for an export: {valid}"
            )


def named_arrays(weights: Weights) -> dict[str, Array]:
    """Return the arrays of a pytree by path, such as "params/denoiser/head/kernel"."""
    leaves = jax.tree_util.tree_flatten_with_path(weights)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): array for path, array in leaves}


def _weights_builder(weights: Weights) -> Callable[[dict[str, Array]], Weights]:
    """Return the inverse of `named_arrays`."""
    names = list(named_arrays(weights))
    structure = jax.tree.structure(weights)

    def build(arrays: dict[str, Array]) -> Weights:
        return jax.tree.unflatten(structure, [arrays[name] for name in names])

    return build


def _plan_program(planner: Planner, weights: Weights) -> Program:
    """Return the program that plans; for its arguments see `argument_shapes`."""
    build_weights = _weights_builder(weights)

    def program(arrays, key_data, frames, actions, level, goal=None):
        keys = jax.random.wrap_key_data(key_data)
        history = History(frames, actions, level)
        plan = planner.plan(PlanCall(build_weights(arrays), keys, history, goal))
        fields = {name: getattr(plan, name) for name in ExportedPlan._fields}
        return {name: array for name, array in fields.items() if array is not None}

    return program


def _action_program(act: ActionFunction, model: Model, weights: Weights) -> Program:
    """Return the program that acts; for its arguments see `argument_shapes`."""
    build_weights = _weights_builder(weights)

    def program(arrays, state, later, gap):
        return {"action": act(model, build_weights(arrays), state, later, gap)}

    return program


def _act_by_policy(model: Model, weights: Weights, state: Array, later: Array, gap: Array) -> Array:
    policy = policy_of(weights)
    target = later[:, jnp.array(policy.inputs.target_dims)]
    return steer(policy, weights.states, weights.actions, state, target, steps=gap)


ACTIONS: dict[str, ActionFunction] = {"inverse": inverse_action, "policy": _act_by_policy}
"""Low-level controllers with learned actions, by name."""


def _metadata(
    run: Run,
    planner: Planner,
    *,
    batches: tuple[int, ...],
    platforms: tuple[str, ...],
    programs: list[str],
) -> dict[str, Any]:
    tokens = planner.model.layout
    return {
        "format": FORMAT,
        "task": run.task.name or run.task.env,
        "env": run.task.env,
        "tracker": run.task.tracker,
        "dataset": {"id": run.task.dataset, "fingerprint": run.fingerprint},
        "layout": dataclasses.asdict(run.layout),
        "horizon": planner.horizon,
        "stride": tokens.stride,
        "frames": tokens.frame_count,
        "history": run.config.planner.history.tokens,
        "planner": dataclasses.asdict(run.config.planner),
        "programs": programs,
        "batch_sizes": list(batches),
        "platforms": list(platforms),
        "versions": {**run.versions, "exported with jax": jax.__version__},
    }
