"""Which frames of an episode are recorded, and what the renderers draw into them."""

import os
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest

from dfplan.plots.matplotlib_frames import MatplotlibRenderer
from dfplan.plots.mujoco_frames import CAPSULE, MujocoRenderer, lines, mujoco_viewer, rgba
from dfplan.plots.video_frames import video_frames
from dfplan.representation.layout import Layout

BLUE = (0, 114, 178)
ORANGE = (213, 94, 0)
WHITE = (255, 255, 255)
CANDIDATES = np.zeros((1, 2, 4, 3))
CANDIDATES[0, 0, :, 0] = np.linspace(0, 3, 4)  # along x
CANDIDATES[0, 1, :, 1] = np.linspace(0, 1, 4)


class Agent:
    """The parts of an agent that recording needs, with the plan above."""

    def __init__(self):
        self.plan = SimpleNamespace(candidates=CANDIDATES, best=np.array([0]))
        self.layout = Layout(3, 1, goal_dims=(0, 1))
        model = SimpleNamespace(layout=SimpleNamespace(stride=2, plan_dims=()))
        self.planner = SimpleNamespace(model=model, horizon=3)
        self.weights = SimpleNamespace(states=SimpleNamespace(mean=np.zeros(3), std=np.ones(3)))
        self.seeds = []

    def reset(self, seed):
        self.seeds.append(seed)

    def act(self, observation):
        return observation


class Walk:
    """Moves one meter per step; is at its goal from step 4 on, and ends after step 9."""

    unwrapped = object()

    def reset(self, seed):
        self.step_count = 0
        return np.zeros(3), {}

    def step(self, action):
        self.step_count += 1
        terminated = self.step_count == 9
        return (
            np.full(3, self.step_count),
            0.0,
            terminated,
            False,
            {"success": self.step_count >= 4},
        )


def record(**options):
    agent = Agent()
    frames = video_frames(agent, Walk(), 5, make_renderer=lambda: lambda state: state[0], **options)
    return [int(f) for f in frames], agent.seeds


@pytest.mark.parametrize(
    ("options", "states"),
    [
        ({"every": 2, "stay": 99}, [0, 2, 4, 6, 8, 9]),
        ({"every": 2, "stay": 2}, [0, 2, 4, 5]),
        ({"every": 1, "stay": 99, "max_steps": 3}, [0, 1, 2, 3]),
    ],
    ids=["to the end", "a while at the goal", "limited"],
)
def test_frames(options, states):
    assert record(**options) == (states, [[5]])


def test_matplotlib_draws_plan_path_and_robot_at_their_positions():
    render = MatplotlibRenderer(Agent(), Walk(), 400)
    render(np.array([0.0, 0.0, 9.0]))
    frame = render(np.array([-1.0, 0.0, 9.0]))
    assert frame.shape == (400, 400, 3)
    np.testing.assert_allclose(pixel(frame, 1.5, 0), BLUE, atol=40)  # plan
    np.testing.assert_allclose(pixel(frame, -1, 0), ORANGE, atol=40)  # robot
    np.testing.assert_allclose(pixel(frame, -0.5, 0), ORANGE, atol=40)  # path driven
    np.testing.assert_allclose(pixel(frame, 1, -1), WHITE)
    moved = render(np.array([-1.0, -1.0, 9.0]))
    np.testing.assert_allclose(pixel(moved, -1, -1), ORANGE, atol=40)  # robot


def pixel(frame, x, y):
    """Return the color of a 400 x 400 frame at a point.

    The axes run from -2.5 to 2.5 over 0.14 to 0.97 of the width and 0.12 to 0.97 of the height.
    """
    column = round(400 * (0.14 + 0.83 * (x + 2.5) / 5))
    row = round(400 * (1 - 0.12 - 0.85 * (y + 2.5) / 5))
    return frame[row, column]


def test_matplotlib_draws_the_environment_once(drawing_env):
    render = MatplotlibRenderer(Agent(), drawing_env, 400, caption="drawn with matplotlib")
    assert render(np.zeros(3)).shape == (200, 400, 3)  # 8 by 4 meters
    assert len(drawing_env.drawn) == 1
    render(np.zeros(3))
    assert len(drawing_env.drawn) == 1


def test_lines_join_their_points():
    points = np.array([[0, 0, 1], [2, 0, 1], [2, 0, 1], [2, 2, 3]], float)
    first, second = lines(points, 0.1, rgba("white"))
    for marker, ends in ((first, points[:2]), (second, points[2:])):
        half = marker["size"][1] * marker["mat"].reshape(3, 3)[:, 2]
        assert marker["type"] == CAPSULE and marker["size"][0] == 0.1
        np.testing.assert_allclose([marker["pos"] - half, marker["pos"] + half], ends, atol=1e-12)
        rotation = marker["mat"].reshape(3, 3)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) > 0


class Scene:
    """A MuJoCo environment and its viewer; `frames` holds the markers of each frame."""

    def __init__(self, room):
        self.markers = []
        self.frames = []
        self.scn = SimpleNamespace(maxgeom=100, ngeom=50 - room)
        self.model = SimpleNamespace(stat=SimpleNamespace(extent=10.0))
        self.unwrapped = SimpleNamespace(mujoco_renderer=SimpleNamespace(viewer=self))

    def add_marker(self, **marker):
        self.markers.append(marker)

    def render(self):
        self.frames.append(self.markers)
        self.markers = []
        return len(self.frames)


def test_mujoco_draws_plan_path_and_candidates():
    scene = Scene(room=40)
    render = MujocoRenderer(Agent(), scene, (0, 1))
    assert render(np.zeros(3)) == 2 and render(np.array([0, -1.0, 0])) == 3
    # The plan has three lines and three dots, the other candidate three lines; then a path.
    assert [len(markers) for markers in scene.frames] == [0, 9, 10]
    line = scene.frames[1][0]
    np.testing.assert_allclose(line["pos"], [0.5, 0, 0.12])
    np.testing.assert_allclose(line["rgba"], [0, 114 / 255, 178 / 255, 1])
    np.testing.assert_allclose(scene.frames[2][6]["pos"][:2], [0, -0.5])


@pytest.mark.parametrize("positions", [(), (0, 1)])
def test_mujoco_draws_what_the_task_draws(positions):
    scene = Scene(room=40)

    def markers(states):
        assert states.shape == CANDIDATES[0, 0].shape
        yield {"pos": states[-1]}

    MujocoRenderer(Agent(), scene, positions, markers)(np.zeros(3))
    first, *others = scene.frames[1]
    np.testing.assert_array_equal(first["pos"], CANDIDATES[0, 0][-1])
    assert len(others) == (9 if positions else 0)


def test_mujoco_draws_no_more_markers_than_fit():
    scene = Scene(room=4)
    MujocoRenderer(Agent(), scene, (0, 1, 2))(np.zeros(3))
    assert len(scene.frames[1]) == 4


def test_mujoco_draws_into_an_environment_of_gymnasium(monkeypatch):
    if "DISPLAY" not in os.environ:
        monkeypatch.setenv("MUJOCO_GL", os.environ.get("MUJOCO_GL", "egl"))
    env = gym.make("Reacher-v5", render_mode="rgb_array", width=120, height=120)
    env.reset(seed=0)
    try:
        plain = env.render().astype(int)
    except Exception as error:  # renderers raise many kinds of exceptions
        pytest.skip(f"MuJoCo does not render here: {error}")
    assert mujoco_viewer(env) is not None
    agent = Agent()
    agent.plan.candidates = 0.1 * CANDIDATES[..., [2, 0, 1]]  # along y
    frame = MujocoRenderer(agent, env, (0, 1))(np.zeros(3)).astype(int)
    rows, columns = np.nonzero(np.abs(frame - plain).sum(axis=-1) > 60)
    assert 10 < len(rows) < 2000
    assert np.ptp(rows) > 2 * np.ptp(columns)
    assert not np.array_equal(env.render().astype(int), frame)  # the plan is gone again
    env.close()


def test_other_environments_have_no_mujoco_viewer(plain_env):
    assert mujoco_viewer(plain_env) is None
