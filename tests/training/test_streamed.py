"""Training from disk: the losses of training from memory, and resumption bit by bit."""

import json

import jax
import numpy as np
import pytest

from dfplan.data.stream import Scale, WindowStream
from dfplan.data.training_arrays import fit_normalizers
from dfplan.training.loop import check_trainable, fit
from tests.on_disk import on_disk

pytest.importorskip("grain")


@pytest.fixture(scope="module")
def stream(spec, tiny_data) -> WindowStream:
    return WindowStream(
        on_disk(tiny_data),
        spec.model.layout,
        config=spec.data,
        scale=Scale(*fit_normalizers(tiny_data)),
        batch=spec.training.batch_size,
        seed=spec.training.seed,
    )


def losses(directory):
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    return {r["step"]: r["loss"] for r in map(json.loads, lines)}


def test_losses_are_those_of_memory_and_a_resumed_run_equals_an_uninterrupted_one(
    spec, stream, tmp_path, straight, same_bits
):
    check_trainable(spec, stream)
    whole = fit(spec, stream, tmp_path / "whole", stop_step=7)
    expected = losses(straight[0])
    assert losses(tmp_path / "whole") == pytest.approx(expected, rel=1e-5) and len(expected) > 3
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
        whole.params,
        straight[1].params,
    )
    fit(spec, stream, tmp_path / "parts", stop_step=3)
    same_bits(fit(spec, stream, tmp_path / "parts", stop_step=7), whole)
