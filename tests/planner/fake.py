"""A planner in plain NumPy, for tests of what surrounds planners."""

from types import SimpleNamespace

import jax
import numpy as np

from dfplan.planner.plan import Plan
from dfplan.representation.config import DataConfig
from dfplan.representation.tokens import TokenLayout
from tests.planner.tiny import planner_config

STRIDE = 2
HORIZON = 8
EVERY = 3


class FakePlanner:
    """Plans that depend on their key: a drift of random direction from the present state.

    They arrive `2 * distance` control steps from now, if that is within the plan.
    """

    def __init__(self, layout, action_scale=0.25, **config):
        self.config = planner_config(
            **{
                "replan_every": EVERY,
                "history.tokens": 2,
                "candidates": 2,
                "low_level_controller": "diffused",
                **config,
            }
        )
        tokens = TokenLayout.create(layout, DataConfig(stride=STRIDE, actions=True))
        self.model = SimpleNamespace(layout=tokens)
        self.horizon = HORIZON
        self.action_scale = action_scale
        self.calls = []

    def plan(self, call, *, denoising=False):
        _, keys, history, goal, *_ = call
        layout = self.model.layout
        horizon = self.horizon
        self.calls.append(SimpleNamespace(rows=len(keys), history=history))
        present = np.asarray(history.frames)[:, -1, -1]
        rngs = [np.random.default_rng(np.asarray(jax.random.key_data(k))) for k in keys]
        drift = np.array([rng.normal(size=layout.state_dim) for rng in rngs], np.float32)
        time = np.arange(horizon + 1, dtype=np.float32)[:, None]
        states = present[:, None] + drift[:, None] * time
        first = np.float32(self.action_scale) * drift[:, None, : layout.action_dim]
        never = np.full(len(keys), (horizon + 1.5) * STRIDE, np.float32)
        arrival = never
        if goal is not None:
            steps = 2 * np.linalg.norm(present[:, : goal.shape[-1]] - goal, axis=-1)
            arrival = np.where(steps <= horizon * STRIDE, steps, never).astype(np.float32)
        steps = (len(keys), 3, 2, horizon + 1, layout.state_dim)
        return Plan(
            states=states,
            actions=np.repeat(first, horizon * STRIDE, axis=1),
            arrival=arrival,
            candidates=np.stack([states, states], 1),
            cost=np.stack([arrival, never], 1),
            best=np.zeros(len(keys), int),
            denoising=np.zeros(steps) if denoising else None,
            history=np.asarray(history.frames)[:, :, -1],
        )

    @property
    def rows(self):
        """Batch size of each call so far."""
        return [call.rows for call in self.calls]
