"""GIF files and the episodes in them."""

import numpy as np
import pytest

from dfplan.plots.episode import write_episode
from dfplan.plots.gif import write_gif

WHITE, BROWN, RED = (255, 255, 255), (178, 128, 72), (209, 53, 43)


def ball(position, size=480):
    """A frame in few flat colours, a red square at `position` in pixels."""
    frame = np.full((size, size, 3), WHITE, np.uint8)
    frame[: size // 4] = BROWN
    frame[size // 2 : size // 2 + 24, position : position + 24] = RED
    return frame


def test_frames_survive(tmp_path, read_gif):
    frames = [ball(4 * i, 96) for i in range(10)]
    write_gif(tmp_path / "a.gif", frames, [30] * 9 + [500])
    images, durations = read_gif(tmp_path / "a.gif")
    np.testing.assert_array_equal(images, frames)
    assert durations == [30] * 9 + [500]


def test_flat_colours_stay_exact_among_thousands(tmp_path, read_gif):
    rng = np.random.default_rng(0)
    frames = [ball(4 * i, 96) for i in range(3)]
    for frame in frames:
        frame[60:] = rng.integers(0, 256, (36, 96, 3))
    write_gif(tmp_path / "a.gif", frames, [30] * 3)
    for image, frame in zip(read_gif(tmp_path / "a.gif")[0], frames, strict=True):
        np.testing.assert_array_equal(image[:48], frame[:48])
        assert np.abs(image.astype(int) - frame).mean() < 20


def test_episode(tmp_path, read_gif):
    path = tmp_path / "figures" / "episode.gif"
    write_episode(path, [ball(5 * i) for i in range(75)], fps=30)
    images, durations = read_gif(path)
    assert len(images) == 75 and images[0].shape == (320, 320, 3)
    assert sum(durations) == 2500 and set(durations) == {30, 40}
    assert path.stat().st_size < 3e6
    for i in (0, 40, 74):
        row, column = np.argwhere((images[i] == RED).all(-1)).mean(axis=0)
        assert row == pytest.approx((240 + 12) / 1.5, abs=1)
        assert column == pytest.approx((5 * i + 12) / 1.5, abs=1)


def test_small_and_oblong_frames(tmp_path, read_gif):
    write_episode(tmp_path / "a.gif", [ball(0, 64)], fps=10)
    assert read_gif(tmp_path / "a.gif")[0].shape == (1, 64, 64, 3)
    write_episode(tmp_path / "b.gif", [np.zeros((100, 400, 3), np.uint8)], fps=10, size=200)
    assert read_gif(tmp_path / "b.gif")[0].shape == (1, 50, 200, 3)


def test_fast_episodes_leave_frames_out(tmp_path, read_gif):
    write_episode(tmp_path / "a.gif", [ball(i, 64) for i in range(40)], fps=100)
    _, durations = read_gif(tmp_path / "a.gif")
    assert durations == [20] * 20


def test_episode_needs_frames_and_a_rate(tmp_path):
    for frames, fps in (([], 10), ([ball(0)], 0)):
        with pytest.raises(ValueError, match="needs frames and fps above 0"):
            write_episode(tmp_path / "a.gif", frames, fps)
