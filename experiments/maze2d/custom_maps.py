"""Maps that are in no preset: a user's own, as lists of strings."""

import dataclasses
import json
from typing import Any

from dfplan.tasks import Task, get_task

TASK = "pointmaze"
OWN: dict[str, dict[str, Any]] = {
    # Drawn at random, as large as is asked of the planner; long ways, so more time.
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
    # Four rooms with a door between neighbours: open space, and goals behind narrow passages.
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
"""Arguments of `gymnasium.make`, by the map's name."""


def own_task(name: str) -> Task:
    """The task of one of these maps: random starts and goals."""
    return dataclasses.replace(
        get_task(TASK), name=f"{TASK} {name}", dataset=_dataset(name), env_kwargs=OWN[name]
    )


def own_arguments(name: str) -> list[str]:
    """What `dfplan collect` and `train` are told of one of these maps."""
    return [TASK, "--dataset", _dataset(name), "--env-kwargs", json.dumps(OWN[name])]


def _dataset(name: str) -> str:
    return f"own/{name}-v0"
