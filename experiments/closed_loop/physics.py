"""The maze's physics alone, beside MuJoCo's and MJX: python -m experiments.closed_loop.physics."""

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
from dfplan_envs.pointmaze.maps import Maze, parse_map
from dfplan_envs.pointmaze.model import MAX_SPEED, build_model
from dfplan_envs.pointmaze.physics import make_physics
from dfplan_envs.pointmaze.simulate import BatchPhysics
from experiments.maze2d.markdown import table

COLUMNS = ("physics", "balls", "steps/s", "off, m", "off, m/s", "balls off by 1 mm/s")
Step = Callable[[jax.Array, jax.Array], jax.Array]


def main(argv: Sequence[str] | None = None) -> int:
    """Step random balls of a maze, and print how fast and how far from MuJoCo's next states."""
    parser = argparse.ArgumentParser(prog="python -m experiments.closed_loop.physics")
    parser.add_argument("--maze", default="UMaze")
    parser.add_argument("--balls", nargs="+", type=int, default=[1, 256, 4096])
    parser.add_argument("--steps", type=int, default=50, help="timed, one after the other")
    args = parser.parse_args(argv)
    maze = parse_map(args.maze)
    steps: dict[str, Step] = {"closed form": make_physics(maze, jnp).step}
    if (mjx := mjx_step(maze)) is not None:
        steps["MJX"] = mjx
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
        for name, step in steps.items():
            rate = measure(step, states, actions, args.steps)
            found = jax.jit(step)(jnp.float32(states), jnp.asarray(actions))
            off = np.abs(np.asarray(found) - expected)
            worst = [f"{part.max():.1e}" for part in (off[:, :2], off[:, 2:])]
            share = f"{(off[:, 2:].max(axis=1) > 1e-3).mean():.4f}"
            rows.append((name, str(count), f"{rate:,.0f}", *worst, share))
    console.print(f"mujoco {mujoco.__version__}, {jax.default_backend()}", "", sep="\n")
    console.print(table(COLUMNS, rows))
    return 0


def draw(maze: Maze, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """States [B, 4] of float32, half of them within 0.14 m of a cell's corner, and actions [B, 2].

    Speeds are of 0.1, 1 and 6 m/s a component, beyond what the environment clips.
    """
    rng, size = np.random.default_rng(seed), (count, 2)
    centers = np.array([maze.center(cell) for cell in maze.free])
    near = rng.choice([-1, 1], size) * rng.uniform(0.36, 0.5, size)
    offset = np.where(rng.random((count, 1)) < 0.5, rng.uniform(-0.5, 0.5, size), near)
    velocity = rng.choice([0.1, 1.0, 6.0], (count, 1)) * rng.normal(size=size)
    position = centers[rng.integers(len(centers), size=count)] + offset
    states = np.concatenate([position, velocity], axis=1).astype(np.float32)
    return states.astype(float), rng.uniform(-1, 1, size).astype(np.float32)


def measure(step: Step, states: np.ndarray, actions: np.ndarray, count: int) -> float:
    """Steps per second of all balls in one program, the second time that it runs."""

    @jax.jit
    def go(states, actions):
        return jax.lax.scan(lambda s, _: (step(s, actions), None), states, None, length=count)[0]

    inputs = jnp.float32(states), jnp.asarray(actions)
    jax.block_until_ready(go(*inputs))
    begin = time.perf_counter()
    jax.block_until_ready(go(*inputs))
    return len(states) * count / (time.perf_counter() - begin)


def mjx_step(maze: Maze) -> Step | None:
    """The same step by MJX; None where that is not installed."""
    try:
        from mujoco import mjx  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    model = mjx.put_model(build_model(maze))
    data = mjx.make_data(model)

    def one(state: jax.Array, action: jax.Array) -> jax.Array:
        velocity = jnp.clip(state[2:], -MAX_SPEED, MAX_SPEED)
        after = mjx.step(model, data.replace(qpos=state[:2], qvel=velocity, ctrl=action))
        return jnp.concatenate([after.qpos, after.qvel])

    return jax.vmap(one)


if __name__ == "__main__":
    raise SystemExit(main())
