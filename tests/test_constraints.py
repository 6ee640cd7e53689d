"""The two files of tested versions."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in pairs}


def test_robotics_differs_in_mujoco_alone():
    main = pins("constraints.txt")
    robotics = pins("constraints-robotics.txt")
    assert {p for p, version in robotics.items() if main.get(p) != version} == {"mujoco"}
    assert {"jax", "flax", "gymnasium", "gymnasium-robotics", "minari"} < set(robotics)
