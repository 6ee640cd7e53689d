"""Batches from disk are those from memory, bit by bit."""

import jax
import numpy as np
import pytest

from dfplan.data.draw import EpisodeIndex, RowIndex
from dfplan.data.stream import DRAWN_STEPS, Scale, WindowStream, make_batch
from dfplan.data.training_arrays import make_training_arrays
from dfplan.data.windows import sample_batch, step_keys
from dfplan.representation.config import DataConfig
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError
from tests.on_disk import Rows, on_disk

from .conftest import coded_episodes

pytest.importorskip("grain")

STATES = Normalizer.from_dict({"mean": [1.3, 4.1, 3.0], "std": [2.7, 5.3, 2.0]})
ACTIONS = Normalizer.from_dict({"mean": [50.0], "std": [70.0]})
LENGTHS = [4, 1, 90, 3, 17]
SEED = 3
BATCH = 48


def setup(config, goal_dims, lengths=tuple(LENGTHS), batch=BATCH):
    data = coded_episodes(list(lengths), goal_dims)
    rng = np.random.default_rng(0)  # so that the last digits matter
    data.state[:] += rng.normal(size=data.state.shape)
    data.action[:] += rng.normal(size=data.action.shape)
    layout = TokenLayout.create(data.layout, config)
    scale = Scale(STATES, ACTIONS)
    stream = WindowStream(on_disk(data), layout, config=config, scale=scale, batch=batch, seed=SEED)
    arrays = make_training_arrays(data, config, STATES, actions=ACTIONS)

    @jax.jit
    def from_memory(step):
        key, _ = step_keys(SEED, step)
        return sample_batch(key, arrays, layout, config, batch)

    @jax.jit
    def from_disk(raw, scale):
        return make_batch(raw, scale, layout, config)

    return stream, from_memory, lambda raw: from_disk(raw, scale)


CASES = {
    "states": (DataConfig(tokens=5), ()),
    "goals": (DataConfig(stride=2, tokens=6, rest_dims=(2,), start_fraction=0.3), (1,)),
    "far goals": (DataConfig(tokens=4, goal_horizon=20, goal_decay=3.0), (1,)),
    "even goals": (DataConfig(stride=3, tokens=4, goal_decay=0.0), (1, 0)),
    "stacked frames and actions": (
        DataConfig(stride=3, frames="stack", actions=True, tokens=4, start_fraction=0.5),
        (1,),
    ),
    "before the start": (
        DataConfig(stride=2, tokens=5, before_start=4, start_fraction=0.7, frames="stack"),
        (0, 1),
    ),
}


@pytest.mark.parametrize(
    ("config", "goal_dims", "batch"),
    [*((*case, BATCH) for case in CASES.values()), (*CASES["stacked frames and actions"], 1)],
    ids=[*CASES, "a single window"],
)
def test_a_batch_is_the_same_array_from_either_source(config, goal_dims, batch, same_bits):
    stream, from_memory, from_disk = setup(config, goal_dims, batch=batch)
    first = DRAWN_STEPS - 2  # resumed there, with the end of one block of draws and the next one
    steps = range(first, first + 4)
    for step, raw in zip(steps, stream.batches(steps.start, steps.stop), strict=True):
        same_bits(from_disk(raw), from_memory(step))
        same_bits(raw, stream.read(step))


def test_a_shard_of_a_batch_is_a_part_of_it(same_bits):
    stream, _, _ = setup(*CASES["goals"])
    whole = stream.read(5)
    parts = [stream.read(5, slice(i, i + BATCH // 2)) for i in (0, BATCH // 2)]
    same_bits(jax.tree.map(lambda *x: np.concatenate(x), *parts), whole)


def test_an_example_has_the_shapes_of_a_batch():
    for config, goal_dims in CASES.values():
        stream, _, _ = setup(config, goal_dims)
        shapes = jax.tree.map(lambda x: (x.shape, x.dtype), (stream.example(), stream.read(0)))
        assert shapes[0] == shapes[1]


def test_pages_are_released_from_time_to_time():
    stream, _, _ = setup(*CASES["states"])
    for _ in stream.batches(0, 2 * DRAWN_STEPS):
        pass
    assert stream.data.state.releases == stream.data.action.releases == 2


@pytest.mark.parametrize("stride", [1, 3, 17])
def test_both_indices_locate_the_same_rows(stride):
    data = coded_episodes(LENGTHS)
    rows = np.arange(len(data.state))
    rows_index = RowIndex(
        first=np.repeat(data.start, data.length),
        last=data.last_row,
        begin=rows[data.last_row - rows >= stride],
    )
    index = EpisodeIndex.create(data.start, data.length, stride)
    numbers = np.arange(rows_index.begins)
    assert int(index.begins) == rows_index.begins > 0
    for a, b in zip(index.locate(numbers), rows_index.locate(numbers), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("config", "rows", "words"),
    [
        (DataConfig(stride=91), None, "data.stride 91"),
        (DataConfig(stride=2, tokens=8), 2**31 - 16, f"up to {2**31 - 1 - 16:,}"),
    ],
)
def test_data_that_cannot_be_streamed_are_refused(config, rows, words, monkeypatch):
    if rows:
        monkeypatch.setattr(Rows, "__len__", lambda self: rows)
    with pytest.raises(UserError, match=words):
        setup(config, ())


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "grain", None)
    with pytest.raises(
        UserError, match=r'data.source stream needs grain: pip install "dfplan\[scale'
    ):
        setup(*CASES["states"])
