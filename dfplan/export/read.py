"""Loading of exported planners. The files are data: StableHLO programs, arrays and JSON.

Metadata are checked for type and range, every file against its checksum in the metadata, and every
program against the shapes that follow from the metadata. A program that calls anything but
StableHLO, linear algebra and random numbers is refused.
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from dfplan.export.exported import (
    FORMAT,
    METADATA,
    OPTIONAL,
    RESULTS,
    WEIGHTS,
    ExportedPlanner,
    Program,
    argument_shapes,
    file_checksum,
    program_name,
)
from dfplan.representation.layout import Layout
from dfplan.types import UserError, listed
from dfplan.util.from_json import as_type
from dfplan.util.readers import check_size, read_json, read_npz, reading

TYPES = {
    "layout": dict[str, Any],
    "horizon": int,
    "stride": int,
    "frames": int,
    "history": int,
    "planner": dict[str, Any],
    "programs": tuple[str, ...],
    "batch_sizes": tuple[int, ...],
    "platforms": tuple[str, ...],
    "files": dict[str, str],
}
COUNTS = ("horizon", "stride", "frames", "history")
MAX_COUNT = 10**6
CUSTOM_CALLS = re.compile(
    r"(mhlo|chlo|stablehlo)\.\w+"
    r"|(cu|hip)_threefry2x32_ffi"
    r"|(lapack|cusolver|cublas|cusparse|hipsolver|hipblas|hipsparse)_\w+"
    r"|Eigh|Qr|ProductOfElementaryHouseholderReflectors|LuDecomposition"
)
"""Custom calls of linear algebra and random numbers that JAX itself emits; neither callbacks into
Python nor kernels inside the file."""


def load(directory: Path | str) -> ExportedPlanner:
    """Load the planner that was exported into a directory.

    Args:
        directory: Directory that `dfplan export` wrote.

    Raises:
        UserError: If the directory holds no planner, or the planner is damaged or was exported for
            other platforms.
    """
    folder = Path(directory)
    if not (folder / METADATA).is_file():
        raise UserError(f"{folder} holds no {METADATA}; make one with dfplan export RUN --out DIR")
    metadata = read_json(folder / METADATA)
    if metadata.get("format") != FORMAT:
        raise UserError(f"{folder}: format {metadata.get('format')!r}; valid here: {FORMAT}")
    with reading(folder / METADATA):
        layout = _check_metadata(metadata)
    _check_platform(folder, metadata["platforms"])
    _check_files(folder, metadata)
    arrays = read_npz(folder / WEIGHTS)
    with reading(folder / WEIGHTS):  # JAX lacks some of NumPy's types, such as text.
        weights = {name: jnp.asarray(array) for name, array in arrays.items()}

    def programs(kind: str) -> dict[int, Program]:
        if kind not in metadata["programs"]:
            return {}
        paths = {n: folder / program_name(kind, n) for n in metadata["batch_sizes"]}
        shapes = {n: argument_shapes(kind, n, metadata, layout=layout) for n in paths}
        return {
            n: _load_program(path, (weights, *shapes[n]), RESULTS[kind], batch=n)
            for n, path in paths.items()
        }

    return ExportedPlanner(
        layout,
        metadata,
        weights=weights,
        plans=programs("plan"),
        actions=programs("action"),
    )


def _check_metadata(metadata: dict[str, Any]) -> Layout:
    """Check types and ranges of the metadata, and return the layout in them.

    Raises:
        UserError: If an entry is missing, of another type or out of range.
        KeyError: If the planner's settings lack what planning needs.
    """
    entries = {name: as_type(name, metadata.get(name), kind) for name, kind in TYPES.items()}
    layout = Layout.from_dict(entries["layout"])
    batches = entries["batch_sizes"]
    sizes = {name: entries[name] for name in COUNTS} | {f"batch size {n}": n for n in batches}
    sizes |= {"observation_dim": layout.observation_dim, "action_dim": layout.action_dim}
    for name, size in sizes.items():
        if not 1 <= size <= MAX_COUNT:
            raise UserError(f"{name} is {size}; valid: 1 to {MAX_COUNT}")
    if (
        not batches
        or "plan" not in entries["programs"]
        or not RESULTS.keys() >= set(entries["programs"])
    ):
        raise UserError(
            f"programs {listed(entries['programs'])} for batches {batches}; valid: plan, or plan "
            "and action"
        )
    as_type("planner.history.level", entries["planner"]["history"]["level"], float)
    as_type("planner.low_level_controller", entries["planner"]["low_level_controller"], str)
    return layout


def _check_platform(folder: Path, platforms: list[str]) -> None:
    platform = jax.export.default_export_platform()
    if platform not in platforms:
        raise UserError(
            f"{folder} was exported for {listed(platforms)}, but JAX runs on {platform}"
        )


def _check_files(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Check every file against its checksum, so that no parser sees a damaged one."""
    programs = itertools.product(metadata["programs"], metadata["batch_sizes"])
    for name in (WEIGHTS, *itertools.starmap(program_name, programs)):
        path = folder / name
        with reading(path):
            checksum = file_checksum(path)
        if checksum != metadata["files"].get(name):
            raise UserError(f"{path} is damaged: it has changed since it was exported")


def _load_program(
    path: Path, arguments: tuple[Any, ...], results: tuple[str, ...], batch: int
) -> Program:
    """Return a program, checked against its use.

    Args:
        path: File of the program.
        arguments: Arguments that it will be called with, or their shapes.
        results: Names of the arrays that it returns; it may leave out `OPTIONAL` ones.
        batch: Rows of these arrays.

    Raises:
        UserError: If the file is damaged, or the program takes other arguments, returns anything
            else or more than such a file can, or calls anything that `CUSTOM_CALLS` does not list.
    """
    with reading(path):
        exported = jax.export.deserialize(bytearray(path.read_bytes()))
        expected, structure = jax.tree.flatten((arguments, {}))
        shapes = [(a.shape, jnp.dtype(a.dtype)) for a in expected]
        if structure != exported.in_tree or shapes != _shapes(exported.in_avals):
            raise UserError(f"{path} does not take the arguments that {METADATA} describes")
        for shape, dtype in _shapes(exported.out_avals):
            check_size(path, f"an output {shape}", math.prod(shape) * dtype.itemsize)
        calls = re.findall(r"custom_call\W*([\w.$]*)", exported.mlir_module())
        foreign = sorted({name for name in calls if not CUSTOM_CALLS.fullmatch(name)})
    if foreign:
        valid = "StableHLO, linear algebra and random numbers"
        raise UserError(f"{path} calls {listed(foreign)}; valid: {valid}")
    with reading(path):
        _check_results(path, exported, results, batch)
    return jax.jit(exported.call)


def _check_results(
    path: Path, exported: jax.export.Exported, results: tuple[str, ...], batch: int
) -> None:
    """Check the names of the arrays that a program returns, and their numbers of rows."""
    returned = jax.tree.unflatten(exported.out_tree, exported.out_avals)
    names = set(returned) if isinstance(returned, dict) else set()
    rows = {array.shape[:1] for array in exported.out_avals}
    if names | OPTIONAL != {*results, *OPTIONAL} or rows != {(batch,)}:
        needed = f"{listed(results)}, each with {batch} rows"
        raise UserError(f"{path} does not return what a program of its kind does: {needed}")


def _shapes(arrays: Sequence[Any]) -> list[tuple[tuple[int, ...], np.dtype]]:
    return [(tuple(map(int, a.shape)), jnp.dtype(a.dtype)) for a in arrays]
