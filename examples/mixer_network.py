"""A network from outside dfplan: a gated causal convolution over tokens, `net.kind "mixer"`."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from dfplan.config import Config
from dfplan.data.trajectories import Trajectories, from_episodes
from dfplan.nets.backbone import Backbone
from dfplan.nets.layers import rms_norm
from dfplan.nets.network import NETWORKS
from dfplan.planner.call import PlanCall
from dfplan.planner.plan import History, Weights
from dfplan.representation.layout import Layout
from dfplan.runs.data import prepare_arrays
from dfplan.runs.fit import fit_run
from dfplan.tasks.registry import Task
from dfplan.training.step import TrainSpec, init_state, train_until


class MixerBlock(nnx.Module):
    """Mixes each token with the ones just before it; modulated by the token's noise level."""

    def __init__(self, width: int, kernel: int, rngs: nnx.Rngs):
        self.mix = nnx.Conv(width, 2 * width, kernel, padding="CAUSAL", rngs=rngs)
        self.mlp = nnx.Linear(width, width, rngs=rngs)

    def __call__(self, h, modulation):
        """Return the features `[B, T, C]` after this block."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = modulation
        value, gate = jnp.split(self.mix(rms_norm(h) * (1 + scale_a) + shift_a), 2, axis=-1)
        h = h + gate_a * value * nnx.sigmoid(gate)
        return h + gate_m * self.mlp(nnx.gelu(rms_norm(h) * (1 + scale_m) + shift_m))


class MixerNetwork(Backbone):
    """A `dfplan.nets.network.Network`; `kernel` is the number of tokens that a block mixes."""

    def __init__(self, config, features, has_goal, kernel: int = 3, *, rngs):
        self.kernel = kernel
        super().__init__(config, features, has_goal, rngs=rngs)

    def make_block(self, rngs):
        """See `Backbone`."""
        return MixerBlock(self.config.width, self.kernel, rngs)

    def __call__(self, x, level, valid=None):
        """See `Network`; a causal network needs no mask."""

        def apply(i, h, modulation):
            return self.blocks[i](h, modulation)

        return self.forward(x, self.modulation.shared(level), jnp.arange(x.shape[1]), apply)

    def init_cache(self, batch, capacity):
        """Return room for the tokens themselves, and for their levels."""
        return jnp.zeros((batch, capacity, self.features)), jnp.zeros((batch, capacity))

    def extend(self, cache, x, level, start, modulation=None):
        """Cache the tokens themselves and evaluate them all: slow, and correct if causal."""
        write = jax.lax.dynamic_update_slice_in_dim
        tokens, levels = cache
        tokens = write(tokens, x, start, axis=1)
        levels = write(levels, level, start, axis=1)
        output = jax.lax.dynamic_slice_in_dim(self(tokens, levels), start, x.shape[1], axis=1)
        return output, (tokens, levels)


def straight_walks() -> Trajectories:
    """Return 200 walks of a point in the plane, each at its own constant velocity."""
    velocity = np.random.default_rng(0).normal(size=(200, 1, 2)).astype(np.float32)
    states = 0.1 * velocity * np.arange(41, dtype=np.float32)[:, None]
    actions = np.repeat(velocity, 41, axis=1)
    layout = Layout(2, 2, goal_dims=(0, 1))
    return from_episodes(list(states), list(actions), layout=layout, dataset_id="walks-v0")


def main(steps: int = 300):
    """Train a planner with the new network, and plan a straight walk to (1, 1)."""
    NETWORKS.register("mixer", MixerNetwork)
    config = Config().override(
        {
            "net.kind": "mixer:kernel=4",
            "net.width": 64,
            "net.layers": 2,
            "data.tokens": 8,
            "data.stride": 5,
            "training.steps": steps,
            "training.objective.two_stream": False,
            "training.optimizer.warmup": 30,
        }
    )
    data = straight_walks()
    run = fit_run(Task("walk-v0", "walks-v0"), config, data)
    spec = TrainSpec(run.model, run.config.data, run.config.training)
    arrays = prepare_arrays(run, data)
    state, _ = train_until(spec, arrays, init_state(spec), jnp.int32(steps - 50))
    state, metrics = train_until(spec, arrays, state, jnp.int32(steps))
    history = History(jnp.zeros((1, 1, 1, 2)), jnp.zeros((1, 1, 5, 2)), level=jnp.zeros((1, 1)))
    weights = Weights(params=state.ema, states=run.states, actions=run.actions, support=run.support)
    keys = jax.random.split(jax.random.key(0), 1)
    plan = run.make_planner().plan(PlanCall(weights, keys, history, goal=jnp.ones((1, 2))))
    print(f"loss {metrics['loss']:.3f}; the plan ends at {plan.states[0, -1]}")
    return run.model.denoiser(state.params), float(metrics["loss"]), np.asarray(plan.states[0])


if __name__ == "__main__":
    main()
