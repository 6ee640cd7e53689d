"""Actions lie in the environment's action space, whatever its type, bounds and shape."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from dfplan.representation.action_space import ActionBounds
from dfplan.representation.layout import Layout
from dfplan.representation.spaces import layout_from_spaces
from dfplan.types import UserError

OBSERVATIONS = spaces.Box(-1, 1, (3,))
FLOAT32 = np.finfo(np.float32)
ACTIONS = np.array([-3.4e38, -3715.4, -1.5, -0.1, -0.0, 0.1, 0.49, 2.5, 254.7, 6e4, 1e30, 3.4e38])
BETWEEN_FLOAT32 = (0.1, 0.1 + 1e-12)

BOXES = {
    "int64": spaces.Box(-3, 5, (2,), np.int64),
    "int8": spaces.Box(-128, 127, (2,), np.int8),
    "uint8": spaces.Box(0, 255, (2,), np.uint8),
    "bool": spaces.Box(0, 1, (2,), np.bool_),
    "large integers": spaces.Box(-(2**63), 2**63 - 2, (2,), np.int64),
    "one large integer": spaces.Box(2**53 + 1, 2**53 + 1, (2,), np.int64),
    "unsigned": spaces.Box(2**24 + 1, 2**63 - 2, (2,), np.uint64),
    "float16": spaces.Box(-0.1, 0.1, (2,), np.float16),
    "unbounded float16": spaces.Box(-np.inf, np.inf, (2,), np.float16),
    "float64 that float32 rounds outward": spaces.Box(-0.1, 0.1, (2,), np.float64),
    "no float32 inside": spaces.Box(*BETWEEN_FLOAT32, (2,), np.float64),
    "beyond float32": spaces.Box(-1e300, 1e300, (2,), np.float64),
    "open above": spaces.Box(np.array([-1.0, -2.0]), np.array([np.inf, np.inf]), dtype=np.float64),
    "one open dimension": spaces.Box(np.array([-np.inf, -1]), np.array([np.inf, 1]), dtype=float),
    "one open side": spaces.Box(np.float32([-np.inf, -1]), np.float32([0.5, np.inf])),
    "matrix": spaces.Box(-1, 1, (2, 1), np.float32),
    "scalar": spaces.Box(-1, 1, (), np.float32),
    "scalar integer": spaces.Box(np.array(-1), np.array(1), (), np.int32),
    "three axes": spaces.Box(-1, 1, (1, 1, 3), np.float64),
}
EACH_BOX = pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())


def layout_of(box) -> Layout:
    """Return the layout of a task with this action space, as a run on disk would give it."""
    layout = layout_from_spaces(OBSERVATIONS, box, None)
    return Layout.from_dict(json.loads(json.dumps(dataclasses.asdict(layout), allow_nan=False)))


@EACH_BOX
def test_actions_are_in_the_space(box):
    layout = layout_of(box)
    assert layout == layout_from_spaces(OBSERVATIONS, box, None)
    for number in ACTIONS:
        flat = np.full(layout.action_dim, number, np.float32)
        action = layout.env_action(layout.clip_action(flat))
        assert isinstance(action, np.ndarray) and action.dtype == box.dtype
        assert box.contains(action), action
        batch = layout.env_action(layout.clip_action(np.stack([flat, flat])))
        assert batch.shape == (2, *box.shape)
        np.testing.assert_array_equal(batch[0], action)


@EACH_BOX
def test_a_compiled_program_clips_alike(box):
    layout = layout_of(box)
    actions = np.repeat(ACTIONS.astype(np.float32)[:, None], layout.action_dim, axis=1)
    clipped = np.asarray(layout.clip_action(jnp.asarray(actions), jnp))
    assert clipped.dtype == np.float32
    np.testing.assert_array_equal(clipped, layout.clip_action(actions))
    if box is not BOXES["no float32 inside"] and box.dtype.kind == "f":
        shaped = clipped.reshape(-1, *box.shape).astype(np.float64)
        assert ((shaped >= box.low) & (shaped <= box.high)).all()


@settings(max_examples=200, deadline=None)
@given(
    dtype=st.sampled_from(["int8", "uint8", "int32", "int64", "float16", "float32", "float64"]),
    sides=st.tuples(*[st.integers(-(2**20), 2**20)] * 2),
    scale=st.sampled_from([1.0, 0.1, 1 / 3, 1e-9, 1e9]),
    open_sides=st.tuples(st.booleans(), st.booleans()),
    number=st.floats(width=32, allow_nan=False, allow_infinity=False),
)
def test_any_bounds_and_actions(dtype, sides, scale, open_sides, number):
    low, high = (side * scale for side in sorted(sides))
    kind = np.dtype(dtype)
    if kind.kind != "f":
        info = np.iinfo(kind)
        low, high = (int(np.clip(side, info.min, info.max)) for side in sorted(sides))
    else:
        limit = float(np.finfo(kind).max)
        low, high = (max(min(side, limit), -limit) for side in (low, high))
        low, high = (-np.inf if open_sides[0] else low, np.inf if open_sides[1] else high)
    box = spaces.Box(low, high, (1,), kind.type)
    layout = layout_of(box)
    action = layout.env_action(layout.clip_action(np.array([number], np.float32)))
    assert action.dtype == kind and box.contains(action)
    own = ActionBounds.of_box(box).cast(np.array([number]))
    assert own.dtype == kind and box.contains(own)


def test_the_nearest_action_is_taken():
    layout = layout_of(BOXES["int64"])
    rounded = layout.env_action(layout.clip_action(np.float32([-2.6, 1.4])))
    assert rounded.tolist() == [-3, 1]
    assert layout.clip_action(np.float32([9.0, 0.4])).tolist() == [5, 0]
    open_side = layout_of(BOXES["one open dimension"])
    assert open_side.clip_action(np.float32([-3715, -3715])).tolist() == [-3715, -1]
    inside = np.float32([[0.25, -0.75], [1.0, -1.0]])
    unchanged = Layout(3, 2, action_low=(-1.0, -1.0), action_high=(1.0, 1.0)).clip_action(inside)
    assert unchanged.dtype == np.float32 and unchanged.tobytes() == inside.tobytes()


@EACH_BOX
def test_only_a_box_without_open_sides_is_bounded(box):
    bounded = bool(np.isfinite(box.low).all() and np.isfinite(box.high).all())
    assert layout_of(box).is_action_bounded == bounded


def test_long_floats_are_refused():
    with pytest.raises(UserError, match="64 bits"):
        layout_from_spaces(OBSERVATIONS, spaces.Box(-1, 1, (2,), np.longdouble), None)
