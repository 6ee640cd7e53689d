"""A planner of your own: refine the plans of the diffusion planner by MPPI."""

import dataclasses
import functools

import gymnasium as gym
import jax
import jax.numpy as jnp

from dfplan.agent import Agent
from dfplan.guidance.costs import smoothness
from dfplan.model import Model
from dfplan.planner.config import PlannerConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.measures import candidate_costs
from dfplan.planner.registry import PLANNERS


@dataclasses.dataclass(frozen=True)
class MppiPlanner:
    """Averages perturbed copies of a plan, weighted by exp(-cost / temperature).

    Model predictive path integral control (Williams et al. 2017) around the diffusion planner's
    plan. The last four attributes are parameters of the spec: "mppi:samples=64,temperature=0.1".
    """

    model: Model
    config: PlannerConfig
    horizon: int
    samples: int = 128
    deviation: float = 0.05  # scale of the perturbations, in standard deviations of the data
    temperature: float = 0.2  # in control steps
    bend_weight: float = 100.0  # control steps per squared second difference of positions

    @functools.cached_property
    def diffusion(self) -> DiffusionPlanner:
        """The planner whose plans are refined."""
        return DiffusionPlanner(self.model, self.config, self.horizon)

    def cost(self, paths, goal, weights, extra_cost):
        """Return costs `[B, K]`: the ranker's (OOD penalty included), smoothness, and extra."""
        positions = [d for d in range(paths.shape[-1]) if d not in self.model.layout.rest_dims]
        cost = self.diffusion.ranker.rank(paths, goal, weights).cost
        cost += self.bend_weight * candidate_costs(smoothness(positions), paths, goal, stride=1)
        if extra_cost is not None:
            cost += candidate_costs(extra_cost, paths, goal, stride=self.model.layout.stride)
        return cost

    def perturbations(self, weights, keys, arrival):
        """Draw slow waves `[B, K, P+1, S]` that vanish at the present and on arrival."""
        layout = self.model.layout
        frequency = jnp.arange(1, 5)
        step = layout.stride * jnp.arange(self.horizon + 1)
        phase = jnp.minimum(step / jnp.maximum(arrival, 1)[:, None], 1.0)[..., None]
        waves = jnp.sin(jnp.pi * frequency * phase) / frequency
        shape = (self.samples, len(frequency), layout.state_dim)
        draws = jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, 1), shape))(keys)
        scale = self.deviation * weights.states.std.at[jnp.array(layout.rest_dims, int)].set(0.0)
        return scale * jnp.einsum("bpw,bkws->bkps", waves, draws)

    @functools.partial(jax.jit, static_argnames=("self", "denoising"))
    def plan(self, call, *, denoising=False):
        """Return the diffusion planner's plan with its states refined, if that lowers the cost."""
        plan = self.diffusion.plan(call, denoising=denoising)
        cost = functools.partial(
            self.cost, goal=call.goal, weights=call.weights, extra_cost=call.extra_cost
        )
        copies = plan.states[:, None] + self.perturbations(call.weights, call.keys, plan.arrival)
        share = jax.nn.softmax(-cost(copies) / self.temperature)
        refined = jnp.einsum("bk,bkps->bps", share, copies)
        options = jnp.stack([plan.states, refined], axis=1)
        best = cost(options).argmin(axis=1)
        return plan._replace(states=options[jnp.arange(len(best)), best])


def main(steps: int = 300) -> float:
    """Drive one episode with refined plans; returns the sum of rewards."""
    PLANNERS.register("mppi", MppiPlanner)
    agent = Agent.load("pointmaze-umaze", planner={"kind": "mppi:samples=64"})
    env = gym.make("dfplan_envs:dfplan/PointMaze_UMaze_D4RL-v0")
    observation, _ = env.reset(seed=7000)
    total = 0.0
    for _ in range(steps):
        observation, reward, *_ = env.step(agent.act(observation))
        total += float(reward)
    env.close()
    print(f"{total:.0f} of {steps} rewards")
    return total


if __name__ == "__main__":
    main()
