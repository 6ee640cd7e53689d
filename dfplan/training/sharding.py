"""Where training puts its arrays: one mesh of devices, data parallel and fully sharded (FSDP).

The mesh has two axes. The rows of a batch are sharded over both. Parameters, their average and the
optimizer's state are sharded over "fsdp" and replicated over "data". A step gathers the parameters,
computes the gradient of its rows, sums the gradients over all devices, and updates its shard of the
state.
"""

import math

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from dfplan.types import PyTree, UserError

AXES = ("data", "fsdp")
MIN_SHARDED_BYTES = 2**16
"""Smaller arrays are replicated: sharding them saves little memory and costs a collective each."""


def make_mesh(fsdp_devices: int, batch_size: int) -> Mesh | None:
    """Return the mesh of all devices of all processes; None for a single device.

    Args:
        fsdp_devices: Number of devices that share one copy of the training state; groups of that
            many devices are data parallel.
        batch_size: Number of sequences in a batch of all devices together.

    Raises:
        UserError: If `fsdp_devices` does not divide the devices, or they do not divide the batch.
    """
    count = jax.device_count()
    if count % fsdp_devices:
        raise UserError(
            f"training.fsdp_devices {fsdp_devices} does not divide the {_devices(count)} of this "
            f"training; valid here: {', '.join(map(str, _divisors(count)))}"
        )
    if batch_size % count:
        low = batch_size // count * count
        nearest = [str(size) for size in (low, low + count) if size]
        raise UserError(
            f"training.batch_size {batch_size} does not divide evenly among the {_devices(count)} "
            f"of this training; valid here: multiples of {count}, such as {' or '.join(nearest)}"
        )
    if count == 1:
        return None
    # By process, so that a process has consecutive rows of a batch, and a copy of the state is
    # sharded within a machine where that is possible.
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    grid = np.array(devices).reshape(-1, fsdp_devices)
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Return the sharding of a batch: rows over all devices."""
    return NamedSharding(mesh, PartitionSpec(AXES))


def replicated(mesh: Mesh) -> NamedSharding:
    """Return the sharding of arrays of which each device holds a copy."""
    return NamedSharding(mesh, PartitionSpec())


def state_sharding(mesh: Mesh, state: PyTree) -> PyTree:
    """Return the sharding of each array of the training state.

    An array is sharded along its largest axis that the "fsdp" devices divide.

    Args:
        mesh: Mesh of `make_mesh`.
        state: Training state, of arrays or `ShapeDtypeStruct`.
    """
    return jax.tree.map(lambda leaf: NamedSharding(mesh, _spec(leaf, mesh.shape["fsdp"])), state)


def _spec(leaf: jax.ShapeDtypeStruct, devices: int) -> PartitionSpec:
    axes = [axis for axis, size in enumerate(leaf.shape) if size % devices == 0]
    if devices == 1 or _size(leaf) < MIN_SHARDED_BYTES or not axes:
        return PartitionSpec()
    largest = max(axes, key=lambda axis: leaf.shape[axis])
    return PartitionSpec(*[None] * largest, "fsdp")


def shard_batch(mesh: Mesh | None, batch: PyTree) -> PyTree:
    """Shard a batch inside a compiled program, so that each device draws only its own rows."""
    if mesh is None:
        return batch
    return jax.lax.with_sharding_constraint(batch, batch_sharding(mesh))


def shard_state(mesh: Mesh | None, state: PyTree) -> PyTree:
    """Shard the training state, or gradients, inside a compiled program."""
    if mesh is None:
        return state
    return jax.lax.with_sharding_constraint(state, state_sharding(mesh, state))


def gather(mesh: Mesh | None, params: PyTree) -> PyTree:
    """Gather sharded parameters on each device, inside a compiled program.

    Without this, the compiler may gather a layer's activations of the whole batch instead.
    """
    if mesh is None:
        return params
    return jax.lax.with_sharding_constraint(params, replicated(mesh))


def replicate(mesh: Mesh | None, arrays: PyTree) -> PyTree:
    """Copy arrays that each process has in memory to each device of the mesh."""
    if mesh is None:
        return arrays

    def copy(array: jax.Array) -> jax.Array:
        content = np.asarray(array)
        return jax.make_array_from_callback(
            content.shape, replicated(mesh), lambda index: content[index]
        )

    return jax.tree.map(copy, arrays)


def process_rows(mesh: Mesh | None, batch_size: int) -> slice:
    """Return the rows of a batch that this process reads, if batches are read from disk."""
    if mesh is None:
        return slice(0, batch_size)
    local = batch_size // jax.process_count()
    return slice(jax.process_index() * local, (jax.process_index() + 1) * local)


def place_rows(mesh: Mesh | None, rows: PyTree) -> PyTree:
    """Return the batch of all processes, given the rows of `process_rows` in each one's memory."""
    if mesh is None:
        return rows
    sharding = batch_sharding(mesh)
    return jax.tree.map(lambda a: jax.make_array_from_process_local_data(sharding, a), rows)


def describe(mesh: Mesh, state: PyTree, batch_size: int, *, streamed: bool = False) -> str:
    """Return a line about the mesh and what is sharded.

    Args:
        mesh: Mesh.
        state: Training state, of arrays or `ShapeDtypeStruct`.
        batch_size: Number of sequences in a batch of all devices together.
        streamed: Whether batches are read from disk.
    """
    shape = ", ".join(f"{axis} {mesh.shape[axis]}" for axis in AXES)
    leaves = jax.tree.leaves(state)
    total = sum(map(_size, leaves))
    sharded = [leaf for leaf in leaves if _spec(leaf, mesh.shape["fsdp"]) != PartitionSpec()]
    share = sum(map(_size, sharded)) / total
    processes = jax.process_count()
    return (
        f"mesh: {shape} ({_devices(mesh.size)}, {processes} process{'es' * (processes > 1)}); "
        f"batch: {batch_size} sequences, {batch_size // mesh.size} per device; "
        f"state: {total / 1e6:.1f} MB, {share:.0%} of it sharded "
        f"({len(sharded)} of {len(leaves)} arrays); "
        f"dataset: {'on disk' if streamed else 'a copy per device'}"
    )


def _size(leaf: jax.ShapeDtypeStruct) -> int:
    return math.prod(leaf.shape) * leaf.dtype.itemsize


def _devices(count: int) -> str:
    return f"{count} device{'s' * (count > 1)}"


def _divisors(count: int) -> list[int]:
    return [n for n in range(1, count + 1) if count % n == 0]
