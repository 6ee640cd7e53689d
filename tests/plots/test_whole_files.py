"""Figures and videos replace a file only when they are complete."""

import errno

import numpy as np
import pytest
from PIL import Image

from dfplan.plots.plans import PlanCase, draw_plans
from dfplan.plots.write_gif import write_gif
from tests.faults import attempt, count_instants, kill_at

FRAMES = [np.full((16, 16, 3), value, np.uint8) for value in (0, 255)]
CASE = PlanCase(np.zeros((1, 2, 2)), 0, driven=np.empty((0, 2)), goal=None)
WRITERS = {
    "a.gif": lambda path: write_gif(path, FRAMES, [30, 30]),
    "a.png": lambda path: draw_plans(path, [CASE], None),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_old_file_stays_until_the_new_one_is_complete(name, tmp_path):
    def write():
        WRITERS[name](path)

    path = tmp_path / name
    instants = count_instants(tmp_path, write)
    new = path.read_bytes()
    for number in range(1, instants + 1, 3):
        path.write_bytes(b"old")
        message = attempt(number, tmp_path, write, code=errno.ENOSPC)
        assert path.read_bytes() in (b"old", new)
        assert not message or str(path) in message
    path.write_bytes(b"old")
    killed = kill_at(instants // 2, tmp_path, write)
    assert killed and path.read_bytes() in (b"old", new)
    write()
    with Image.open(path) as image:
        image.load()
    assert [p.name for p in tmp_path.iterdir()] == [name]
