"""Sharded training learns what one device learns, and its devices send what the layout says."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from dfplan.training import sharding
from dfplan.training.sharding import make_mesh, process_rows
from dfplan.types import UserError
from tests.conftest import XLA_FLAGS

from .sharded import BATCH

ROOT = Path(__file__).parents[2]
SUMS = ("all-reduce", "reduce-scatter")
MESHES = {"adamw, fsdp 1": 1, "muon, fsdp 2": 2, "adamw, fsdp 8": 8}


@pytest.fixture(scope="module")
def trained():
    """What `tests/training/sharded.py` prints: one child process for all tests of this file."""
    flags = ("--xla_force_host_platform_device_count=8", *XLA_FLAGS)
    child = subprocess.run(
        [sys.executable, "-m", "tests.training.sharded"],
        env={**os.environ, "XLA_FLAGS": " ".join(flags), "JAX_PLATFORMS": "cpu"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)


def of_kind(result, kind):
    """The shapes of all arrays that collectives of a kind return."""
    operations = [op for op in result["collectives"] if op["kind"] == kind]
    return sorted(shape for op in operations for shape in op["shapes"])


def elements(shapes):
    return sum(map(math.prod, shapes))


@pytest.mark.slow
@pytest.mark.parametrize("mesh", MESHES)
def test_losses_are_those_of_one_device(trained, mesh):
    optimizer = mesh.partition(",")[0]
    alone = trained[f"{optimizer} on one device"]
    np.testing.assert_allclose(trained[mesh]["losses"], alone["losses"], rtol=1e-4)
    assert np.ptp(alone["losses"], axis=0).min() > 0.01  # not trivially equal
    assert not alone["collectives"]


@pytest.mark.slow
def test_windows_from_disk_give_the_same_losses(trained):
    pytest.importorskip("grain")
    alone = trained["adamw on one device"]["losses"]
    np.testing.assert_allclose(trained["adamw, streamed"]["losses"], alone, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("mesh", MESHES)
def test_each_device_holds_its_share_of_the_state(trained, mesh):
    result = trained[mesh]
    assert set(result["shares"]) == {1 / MESHES[mesh]}
    assert result["placed_as_before"]  # so that the old state's memory is reused
    assert f"fsdp {MESHES[mesh]}" in result["text"] and "8 devices" in result["text"]
    assert f"batch: {BATCH} sequences, 7 per device" in result["text"]


@pytest.mark.slow
@pytest.mark.parametrize("mesh", MESHES)
def test_no_device_has_the_whole_batch(trained, mesh):
    assert trained["adamw on one device"]["whole_batch"] > 100  # the pattern finds them
    assert trained[mesh]["whole_batch"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("mesh", ["adamw, fsdp 1", "adamw, fsdp 8"])
def test_collectives_are_those_of_the_layout(trained, mesh):
    """Sharded parameters are gathered once, and each gradient is summed once."""
    result = trained[mesh]
    gathered = of_kind(result, "all-gather")
    assert gathered == sorted(result["sharded"])
    assert bool(gathered) == (MESHES[mesh] > 1)
    summed = [shape for kind in SUMS for shape in of_kind(result, kind)]
    parameters = elements(result["parameters"])
    assert parameters <= elements(summed) < 1.02 * parameters  # with losses, counts and norms
    assert {op["kind"] for op in result["collectives"]} <= {*SUMS, "all-gather"}


def test_one_device_needs_no_mesh():
    assert jax.device_count() == 1 and make_mesh(1, 7) is None
    assert sharding.shard_state(None, "state") == "state"
    assert process_rows(None, 6) == slice(0, 6)


@pytest.mark.parametrize(
    ("devices", "fsdp", "batch", "words"),
    [
        (8, 3, 32, ["fsdp_devices 3", "8 devices", "1, 2, 4, 8"]),
        (1, 2, 32, ["fsdp_devices 2", "1 device ", "valid here: 1"]),
        (6, 1, 32, ["batch_size 32", "6 devices", "multiples of 6", "30 or 36"]),
        (8, 1, 4, ["batch_size 4", "8 devices", "such as 8"]),
    ],
)
def test_sizes_that_do_not_divide_are_refused(monkeypatch, devices, fsdp, batch, words):
    monkeypatch.setattr(jax, "device_count", lambda: devices)
    with pytest.raises(UserError) as error:
        make_mesh(fsdp, batch)
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    ("shape", "devices", "spec"),
    [
        ((256, 384), 4, PartitionSpec(None, "fsdp")),
        ((384, 256), 4, PartitionSpec("fsdp")),
        ((256, 387), 4, PartitionSpec("fsdp")),
        ((257, 387), 4, PartitionSpec()),
        ((16, 16), 4, PartitionSpec()),
        ((256, 384), 1, PartitionSpec()),
        ((), 4, PartitionSpec()),
    ],
)
def test_an_array_is_sharded_along_its_largest_axis_that_divides(shape, devices, spec):
    assert sharding._spec(jax.ShapeDtypeStruct(shape, jnp.float32), devices) == spec


def test_a_process_reads_its_own_rows(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    rows = []
    for index in range(3):
        monkeypatch.setattr(jax, "process_index", lambda index=index: index)
        rows += range(12)[process_rows("mesh", 12)]  # pyright: ignore[reportArgumentType]
    assert rows == list(range(12))
