"""Films: which frames there are, and what is drawn where in them."""

import os
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest

from dfplan.plots.film import film
from dfplan.plots.overlay import CAPSULE, OverlayPicture, color, lines, viewer
from dfplan.plots.plane import PlanePicture

CANDIDATES = np.zeros((1, 2, 4, 3))
CANDIDATES[0, 0, :, 0] = np.linspace(0, 3, 4)  # along x
CANDIDATES[0, 1, :, 1] = np.linspace(0, 1, 4)


class Agent:
    """As much of an agent as a film needs; its plan is the one above."""

    def __init__(self):
        self.plan = SimpleNamespace(candidates=CANDIDATES, best=np.array([0]))
        self.layout = SimpleNamespace(state=lambda o: o, goal_dims=(0, 1), state_dim=3)
        model = SimpleNamespace(layout=SimpleNamespace(stride=2))
        self.planner = SimpleNamespace(model=model, horizon=3)
        self.weights = SimpleNamespace(states=SimpleNamespace(mean=np.zeros(3), std=np.ones(3)))
        self.seeds = []

    def reset(self, seed):
        self.seeds.append(seed)

    def act(self, observation):
        return observation


class Walk:
    """One metre a step; at its goal from step 4 on, over after 9."""

    unwrapped = object()

    def reset(self, seed):
        self.step_count = 0
        return np.zeros(3), {}

    def step(self, action):
        self.step_count += 1
        over = self.step_count == 9
        return np.full(3, self.step_count), 0.0, over, False, {"success": self.step_count >= 4}


def shown(**options):
    agent = Agent()
    frames = film(agent, Walk(), 5, lambda: lambda state: state[0], **options)
    return [int(f) for f in frames], agent.seeds


@pytest.mark.parametrize(
    ("options", "states"),
    [
        ({"every": 2, "stay": 99}, [0, 2, 4, 6, 8, 9]),
        ({"every": 2, "stay": 2}, [0, 2, 4, 5]),
        ({"every": 1, "stay": 99, "most": 3}, [0, 1, 2, 3]),
    ],
    ids=["to the end", "a while at the goal", "limited"],
)
def test_frames(options, states):
    assert shown(**options) == (states, [[5]])


def test_plane_shows_plan_path_and_robot_where_they_are():
    picture = PlanePicture(Agent(), Walk(), 400)
    picture(np.array([0.0, 0.0, 9.0]))
    frame = picture(np.array([-1.0, 0.0, 9.0]))
    assert frame.shape == (400, 400, 3)
    # The axes run from -2.5 to 2.5 over 0.14 to 0.97 of the width and 0.12 to 0.97 of the height.
    x = lambda value: round(400 * (0.14 + 0.83 * (value + 2.5) / 5))  # noqa: E731
    y = lambda value: round(400 * (1 - 0.12 - 0.85 * (value + 2.5) / 5))  # noqa: E731
    plan, driven, white = (np.array(c) for c in ((0, 114, 178), (213, 94, 0), (255, 255, 255)))
    np.testing.assert_allclose(frame[y(0), x(1.5)], plan, atol=40)
    np.testing.assert_allclose(frame[y(0), x(-1)], driven, atol=40)
    np.testing.assert_allclose(frame[y(0), x(-0.5)], driven, atol=40)
    np.testing.assert_allclose(frame[y(-1), x(1)], white)
    moved = picture(np.array([-1.0, -1.0, 9.0]))
    np.testing.assert_allclose(moved[y(-1), x(-1)], driven, atol=40)


def test_plane_draws_the_environment(drawing):
    picture = PlanePicture(Agent(), drawing, 400, "drawn with matplotlib")
    assert picture(np.zeros(3)).shape == (200, 400, 3)  # 8 by 4 metres
    assert len(drawing.drawn) == 1
    picture(np.zeros(3))
    assert len(drawing.drawn) == 1


def test_lines_join_their_points():
    points = np.array([[0, 0, 1], [2, 0, 1], [2, 0, 1], [2, 2, 3]], float)
    first, second = lines(points, 0.1, color("white"))
    for marker, ends in ((first, points[:2]), (second, points[2:])):
        half = marker["size"][1] * marker["mat"].reshape(3, 3)[:, 2]
        assert marker["type"] == CAPSULE and marker["size"][0] == 0.1
        np.testing.assert_allclose([marker["pos"] - half, marker["pos"] + half], ends, atol=1e-12)
        turn = marker["mat"].reshape(3, 3)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turn) > 0


class Scene:
    """Stands for a MuJoCo environment: counts what is drawn into a frame."""

    def __init__(self, room):
        self.markers, self.frames = [], []
        self.scn = SimpleNamespace(maxgeom=100, ngeom=50 - room)
        self.model = SimpleNamespace(stat=SimpleNamespace(extent=10.0))
        self.unwrapped = SimpleNamespace(mujoco_renderer=SimpleNamespace(viewer=self))

    def add_marker(self, **marker):
        self.markers.append(marker)

    def render(self):
        self.frames.append(self.markers)
        self.markers = []
        return len(self.frames)


def test_overlay_draws_plan_path_and_candidates():
    scene = Scene(room=40)
    picture = OverlayPicture(Agent(), scene, (0, 1))
    assert picture(np.zeros(3)) == 2 and picture(np.array([0, -1.0, 0])) == 3
    # Three pieces and three dots of the plan, three pieces of the other candidate, then a path.
    assert [len(markers) for markers in scene.frames] == [0, 9, 10]
    piece = scene.frames[1][0]
    np.testing.assert_allclose(piece["pos"], [0.5, 0, 0.12])
    np.testing.assert_allclose(piece["rgba"], [0, 114 / 255, 178 / 255, 1])
    np.testing.assert_allclose(scene.frames[2][6]["pos"][:2], [0, -0.5])


def test_overlay_stays_within_the_scene():
    scene = Scene(room=4)
    OverlayPicture(Agent(), scene, (0, 1, 2))(np.zeros(3))
    assert len(scene.frames[1]) == 4


def test_overlay_in_gymnasium_own_environment(monkeypatch):
    if "DISPLAY" not in os.environ:
        monkeypatch.setenv("MUJOCO_GL", os.environ.get("MUJOCO_GL", "egl"))
    env = gym.make("Reacher-v5", render_mode="rgb_array", width=120, height=120)
    env.reset(seed=0)
    try:
        plain = env.render().astype(int)
    except Exception as error:  # renderers raise many kinds
        pytest.skip(f"MuJoCo does not render here: {error}")
    assert viewer(env) is not None
    agent = Agent()
    agent.plan.candidates = 0.1 * CANDIDATES[..., [2, 0, 1]]  # along y
    frame = OverlayPicture(agent, env, (0, 1))(np.zeros(3)).astype(int)
    rows, columns = np.nonzero(np.abs(frame - plain).sum(axis=-1) > 60)
    assert 10 < len(rows) < 2000
    assert np.ptp(rows) > 2 * np.ptp(columns)
    assert not np.array_equal(env.render().astype(int), frame)  # the plan is gone again
    env.close()


def test_an_environment_without_mujoco_has_no_viewer(mute):
    assert viewer(mute) is None
