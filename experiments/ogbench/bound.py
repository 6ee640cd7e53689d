"""What any controller can reach in OGBench's point mazes: python -m experiments.ogbench.bound.

For each task: the shortest way in control steps, and an oracle that knows the map and drives it in
the environment. In the teleport maze it keeps away from the teleporters, whose exits are drawn at
random and one of which is a dead end. Beside it stands a second oracle, which goes wherever the
goal would be nearest with luck, and thinks again after every teleport.
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
    oracles = {"oracle": False} | ({"by luck": True} if maze == "teleport" else {})
    episodes = []
    with step_bar(f"{maze} (episodes)", len(seeds)) as advance:
        for done, (seed, task) in enumerate(zip(seeds, tasks, strict=True)):
            played = {name: drive(env, board, seed, task, luck) for name, luck in oracles.items()}
            episodes.append(played)
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


def drive(env: Any, board: Board, seed: int, task: int | None, by_luck: bool) -> dict[str, float]:
    """Play an episode.

    Args:
        env: Environment of the protocol.
        board: Its board.
        seed: Seed of the episode.
        task: Number of the task.
        by_luck: Whether ways lead through teleporters; see `Board.distance`.

    Returns:
        The steps of the shortest way, those that were driven, and whether the goal was reached.
    """
    _, info = begin_episode(PROTOCOL, env, seed, task)
    goal = Disc(np.asarray(info["goal"]), GOAL_TOLERANCE)
    moves = board.distance(goal, by_luck=by_luck)
    position = env.unwrapped.get_xy()
    way = board.moves_from(moves, position)
    assert way != UNREACHED
    steps = 0
    while True:
        _, _, terminated, truncated, info = env.step(board.action(moves, position))
        # An observation may still show the entrance of a teleporter.
        position = env.unwrapped.get_xy()
        steps += 1
        if terminated or truncated:
            return {"way": way / MOVES, "steps": steps, "success": info["success"]}


def _summarize(episodes: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float | None]]:
    """Return means over episodes, for each oracle; steps are those of successes."""
    result = {}
    for name in episodes[0]:
        way, steps, success = (
            np.array([episode[name][key] for episode in episodes])
            for key in ("way", "steps", "success")
        )
        result[name] = {
            "way": float(way.mean()),
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
                        number(values["way"], 0),
                        "–" if steps is None else number(steps, 0),
                        number(100 * values["success"], 0),
                    ]
                )
    return table(["maze", "task", "who", "shortest way", "steps driven", "success, %"], rows)


if __name__ == "__main__":
    raise SystemExit(main())
