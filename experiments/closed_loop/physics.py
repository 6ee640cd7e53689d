"""The maze's physics alone, MuJoCo, closed form and MJX: python -m experiments.closed_loop.physics.

Prints the steps per second, and the largest differences from MuJoCo's next states.
"""

# MuJoCo's bindings carry no types.
# pyright: reportAttributeAccessIssue=false

import argparse
import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from dfplan.cli.common import console
from dfplan_envs.pointmaze.ball import MAX_SPEED
from dfplan_envs.pointmaze.maps import Maze, parse_map
from dfplan_envs.pointmaze.model import build_model
from dfplan_envs.pointmaze.physics import make_physics
from dfplan_envs.pointmaze.simulate import BatchPhysics
from experiments.common.markdown import table

COLUMNS = ("physics", "balls", "steps/s", "error, m", "error, m/s", "balls off by 1 mm/s")
Step = Callable[[jax.Array, jax.Array], jax.Array]


def main(argv: Sequence[str] | None = None) -> int:
    """Step random balls of a maze, and print speeds and differences from MuJoCo's next states."""
    parser = argparse.ArgumentParser(prog="python -m experiments.closed_loop.physics")
    parser.add_argument("--maze", default="UMaze")
    parser.add_argument("--balls", nargs="+", type=int, default=[1, 256, 4096])
    parser.add_argument("--steps", type=int, default=50, help="timed steps in sequence")
    args = parser.parse_args(argv)
    maze = parse_map(args.maze)
    step_by_name: dict[str, Step] = {"closed form": make_physics(maze, jnp).step}
    if (mjx := mjx_step(maze)) is not None:
        step_by_name["MJX"] = mjx
    rows = []
    for count in args.balls:
        states, actions = draw(maze, count)
        physics = BatchPhysics(build_model(maze), count)
        expected = physics.step(states, actions).copy()
        begin = time.perf_counter()
        for _ in range(args.steps):
            physics.step(states, actions)
        rate = count * args.steps / (time.perf_counter() - begin)
        rows.append(("MuJoCo", str(count), f"{rate:,.0f}", "", "", ""))
        for name, step in step_by_name.items():
            rate = measure(step, states, actions, count=args.steps)
            after = jax.jit(step)(jnp.float32(states), jnp.asarray(actions))
            error = np.abs(np.asarray(after) - expected)
            largest = [f"{part.max():.1e}" for part in (error[:, :2], error[:, 2:])]
            share = f"{(error[:, 2:].max(axis=1) > 1e-3).mean():.4f}"
            rows.append((name, str(count), f"{rate:,.0f}", *largest, share))
    console.print(f"mujoco {mujoco.__version__}, {jax.default_backend()}", "", sep="\n")
    console.print(table(COLUMNS, rows))
    return 0


def draw(maze: Maze, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw states [B, 4] in float32 precision, and actions [B, 2].

    Half of the states lie within 0.14 m of a cell's corner. Velocity components have a scale of
    0.1, 1 or 6 m/s, beyond the limit to which the environment clips them.
    """
    rng = np.random.default_rng(seed)
    size = (count, 2)
    centers = np.array([maze.center(cell) for cell in maze.free])
    corner_offset = rng.choice([-1, 1], size) * rng.uniform(0.36, 0.5, size)
    near_corner = rng.random((count, 1)) >= 0.5
    offset = np.where(near_corner, corner_offset, rng.uniform(-0.5, 0.5, size))
    velocity = rng.choice([0.1, 1.0, 6.0], (count, 1)) * rng.normal(size=size)
    position = centers[rng.integers(len(centers), size=count)] + offset
    states = np.concatenate([position, velocity], axis=1).astype(np.float32)
    return states.astype(float), rng.uniform(-1, 1, size).astype(np.float32)


def measure(step: Step, states: np.ndarray, actions: np.ndarray, count: int) -> float:
    """Return the steps per second of all balls in one program, timed at its second run."""

    @jax.jit
    def run(states, actions):
        return jax.lax.scan(lambda s, _: (step(s, actions), None), states, None, length=count)[0]

    device_states = jnp.float32(states)
    device_actions = jnp.asarray(actions)
    jax.block_until_ready(run(device_states, device_actions))
    begin = time.perf_counter()
    jax.block_until_ready(run(device_states, device_actions))
    return len(states) * count / (time.perf_counter() - begin)


def mjx_step(maze: Maze) -> Step | None:
    """Return the same step by MJX, or None if MJX is not installed."""
    try:
        from mujoco import mjx  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    model = mjx.put_model(build_model(maze))
    data = mjx.make_data(model)

    def step_one(state: jax.Array, action: jax.Array) -> jax.Array:
        velocity = jnp.clip(state[2:], -MAX_SPEED, MAX_SPEED)
        after = mjx.step(model, data.replace(qpos=state[:2], qvel=velocity, ctrl=action))
        return jnp.concatenate([after.qpos, after.qvel])

    return jax.vmap(step_one)


if __name__ == "__main__":
    raise SystemExit(main())
