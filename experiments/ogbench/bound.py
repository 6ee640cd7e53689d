"""What any controller can reach in OGBench's point mazes: python -m experiments.ogbench.bound.

For each task, this prints the length of the shortest route in control steps, and the results of an
oracle that knows the map and follows that route in the environment. In the teleport maze, the
oracle avoids the teleporters, whose exits are drawn at random; one of the exits is a dead end. A
second, optimistic oracle assumes that every teleporter leads to the exit nearest to the goal, and
searches again after every teleport.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from dfplan.cli.common import console, write_json
from dfplan.cli.progress_bar import step_bar
from dfplan.tasks.ogbench import OGBenchProtocol
from dfplan.tasks.protocols import assign_tasks, begin_episode, wrap_env
from dfplan_envs.ogbench.collect import TELEPORT_REACH
from dfplan_envs.ogbench.tasks import GOAL_TOLERANCE, MAZES
from experiments.common.markdown import number, table
from experiments.ogbench.shortest import MOVES, UNREACHED, Board, Disc

HERE = Path(__file__).parent
PROTOCOL = OGBenchProtocol()
EPISODES = 250


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write bound.json."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.ogbench.bound", description=__doc__
    )
    parser.add_argument("--mazes", nargs="+", default=MAZES, choices=MAZES)
    parser.add_argument("--episodes", type=int, default=EPISODES)
    parser.add_argument("--seed", type=int, default=1000, help="seed of the first episode")
    parser.add_argument("--out", type=Path, default=HERE / "bound.json")
    args = parser.parse_args(argv)
    seeds = range(args.seed, args.seed + args.episodes)
    result = {"episodes": args.episodes, "seed": args.seed, "mazes": {}}
    for maze in args.mazes:
        result["mazes"][maze] = measure(maze, seeds)
    console.print(bound_table(result["mazes"]))
    write_json(args.out, result)
    return 0


def measure(maze: str, seeds: range) -> dict[str, dict[str, Any]]:
    """Play one episode per seed with each oracle; return the results by task, and overall."""
    env = wrap_env(PROTOCOL, gymnasium.make(f"ogbench.locomaze:pointmaze-{maze}-v0"))
    board = make_board(env.unwrapped)
    tasks = [int(task or 0) for task in assign_tasks(PROTOCOL, len(seeds))]
    oracles = {"oracle": False} | ({"optimistic oracle": True} if maze == "teleport" else {})
    episodes = []
    with step_bar(f"{maze} (episodes)", len(seeds)) as advance:
        for done, (seed, task) in enumerate(zip(seeds, tasks, strict=True)):
            outcomes = {
                name: drive(env, board, seed, task, optimistic=optimistic)
                for name, optimistic in oracles.items()
            }
            episodes.append(outcomes)
            advance(done + 1)
    env.close()
    result = {}
    for task in sorted(set(tasks)):
        rows = np.flatnonzero(np.array(tasks) == task)
        result[f"task{task}"] = _summarize([episodes[row] for row in rows])
    return result | {"overall": _summarize(episodes)}


def make_board(maze: Any) -> Board:
    """Return the board of one of OGBench's environments."""
    teleports = maze._teleport_info
    if teleports is None:
        return Board(maze.maze_map, [], np.empty((0, 2)))
    reach = TELEPORT_REACH * teleports["teleport_radius"]
    entrances = [Disc(np.array(center), reach) for center in teleports["teleport_in_xys"]]
    return Board(maze.maze_map, entrances, np.array(teleports["teleport_out_xys"]))


def drive(
    env: Any, board: Board, seed: int, task: int | None, *, optimistic: bool
) -> dict[str, float]:
    """Play an episode with an oracle.

    Args:
        env: Environment of the protocol.
        board: Its board.
        seed: Seed of the episode.
        task: Number of the task.
        optimistic: Whether routes lead through teleporters; see `Board.distance`.

    Returns:
        Control steps of the shortest route ("route_steps"), control steps taken ("steps"), and
        whether the goal was reached ("success").
    """
    _, info = begin_episode(PROTOCOL, env, seed, task)
    goal = Disc(np.asarray(info["goal"]), GOAL_TOLERANCE)
    moves = board.distance(goal, optimistic=optimistic)
    position = env.unwrapped.get_xy()
    route_moves = board.moves_from(moves, position)
    assert route_moves != UNREACHED
    steps = 0
    is_over = False
    while not is_over and (action := board.action(moves, position)) is not None:
        _, _, terminated, truncated, info = env.step(action)
        # An observation may still show the entrance of a teleporter.
        position = env.unwrapped.get_xy()
        steps += 1
        is_over = terminated or truncated
    return {
        "route_steps": route_moves / MOVES,
        "steps": steps,
        "success": info.get("success", 0.0),
    }


def _summarize(episodes: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float | None]]:
    """Return means over episodes, for each oracle; steps are those of successes."""
    result = {}
    for name in episodes[0]:
        route_steps, steps, success = (
            np.array([episode[name][key] for episode in episodes])
            for key in ("route_steps", "steps", "success")
        )
        result[name] = {
            "route_steps": float(route_steps.mean()),
            "success": float(success.mean()),
            "success_steps": float(steps[success == 1].mean()) if success.any() else None,
        }
    return result


def bound_table(mazes: dict[str, dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    rows = []
    for maze, tasks in mazes.items():
        for task, oracles in tasks.items():
            for name, values in oracles.items():
                steps = values["success_steps"]
                rows.append(
                    [
                        maze,
                        task,
                        name,
                        number(values["route_steps"], 0),
                        "–" if steps is None else number(steps, 0),
                        number(100 * values["success"], 0),
                    ]
                )
    header = ["maze", "task", "controller", "shortest route", "steps taken", "success, %"]
    return table(header, rows)


if __name__ == "__main__":
    raise SystemExit(main())
