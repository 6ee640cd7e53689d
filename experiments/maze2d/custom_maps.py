"""Custom maps, given as lists of strings, that no preset was made for."""

import dataclasses
import json
from typing import Any

from dfplan.tasks.registry import Task, get_task

TASK = "pointmaze"
CUSTOM_MAPS: dict[str, dict[str, Any]] = {
    # Drawn at random, of the size the planner is required to handle; long routes, so more time.
    "maze": {
        "maze_map": [
            "################",
            "#OOO#####O##OO##",
            "###OO##O#O#OO###",
            "###OOOOOOOOO##O#",
            "##OO#O########O#",
            "##OOOO#OOO##OOO#",
            "###OOO##O#OO##O#",
            "#O###O##OOOO##O#",
            "#OOOOOOOOOO#OOO#",
            "#O#####O#OOO#O##",
            "#OO#####OO#OOOO#",
            "################",
        ],
        "max_episode_steps": 1200,
    },
    # Four rooms with doors between neighbors: open space, and goals behind narrow passages.
    "rooms": {
        "maze_map": [
            "###########",
            "#OOOO#OOOO#",
            "#OOOO#OOOO#",
            "#OOOOOOOOO#",
            "#OOOO#OOOO#",
            "##O####O###",
            "#OOOO#OOOO#",
            "#OOOO#OOOO#",
            "#OOOOOOOOO#",
            "#OOOO#OOOO#",
            "###########",
        ],
    },
}
"""Arguments of `gymnasium.make` by the name of the map."""


def custom_task(name: str) -> Task:
    """Return the task of a custom map: random starts and goals."""
    return dataclasses.replace(
        get_task(TASK),
        name=f"{TASK} {name}",
        dataset=_dataset(name),
        env_kwargs=CUSTOM_MAPS[name],
    )


def custom_arguments(name: str) -> list[str]:
    """Return the arguments of `dfplan collect` and `dfplan train` that name a custom map."""
    return [TASK, "--dataset", _dataset(name), "--env-kwargs", json.dumps(CUSTOM_MAPS[name])]


def _dataset(name: str) -> str:
    return f"own/{name}-v0"
