"""The closed-loop experiment: compiled episodes equal MuJoCo's."""

import numpy as np

from experiments.closed_loop import physics, run


def test_compiled_episodes_equal_mujocos(runs, monkeypatch, capfd):
    monkeypatch.setattr("dfplan.runs.resolve.checkpoint_folder", lambda task: runs / "umaze-0")
    assert run.main(["--mazes", "umaze", "--episodes", "3", "--seed", "7000"]) == 0
    lines = capfd.readouterr().out.splitlines()
    mujoco, compiled = (line.split("|")[4:7] for line in lines[2:4])
    assert "MuJoCo" in lines[2] and "compiled" in lines[3]
    assert mujoco == compiled
    assert lines[-1].startswith("| umaze | 3 | 1.000 | 0 steps |")


def test_the_closed_form_physics_equals_mujocos(capfd):
    assert physics.main(["--balls", "64", "--steps", "2"]) == 0
    (line,) = (x for x in capfd.readouterr().out.splitlines() if x.startswith("| closed form"))
    assert line.endswith("| 0.0000 |")
    states, actions = physics.draw(physics.parse_map("UMaze"), 64)
    assert np.abs(states[:, 2:]).max() > 5
    assert actions.shape == (64, 2)
