"""GIF files, and videos written as GIF."""

import numpy as np
import pytest

from dfplan.plots.write_gif import write_gif
from dfplan.plots.write_video import write_video

WHITE = (255, 255, 255)
BROWN = (178, 128, 72)
RED = (209, 53, 43)


def make_frame(position, size=480):
    """Return a frame in three flat colors, with a red square at column `position`."""
    frame = np.full((size, size, 3), WHITE, np.uint8)
    frame[: size // 4] = BROWN
    frame[size // 2 : size // 2 + 24, position : position + 24] = RED
    return frame


def test_frames_with_few_colors_are_exact(tmp_path, read_gif):
    frames = [make_frame(4 * i, 96) for i in range(10)]
    write_gif(tmp_path / "a.gif", frames, [30] * 9 + [500])
    images, durations = read_gif(tmp_path / "a.gif")
    np.testing.assert_array_equal(images, frames)
    assert durations == [30] * 9 + [500]


def test_flat_colors_stay_exact_among_thousands(tmp_path, read_gif):
    rng = np.random.default_rng(0)
    frames = [make_frame(4 * i, 96) for i in range(3)]
    for frame in frames:
        frame[60:] = rng.integers(0, 256, (36, 96, 3))
    write_gif(tmp_path / "a.gif", frames, [30] * 3)
    for image, frame in zip(read_gif(tmp_path / "a.gif")[0], frames, strict=True):
        np.testing.assert_array_equal(image[:48], frame[:48])
        assert np.abs(image.astype(int) - frame).mean() < 20


def test_a_video_keeps_its_duration_and_positions(tmp_path, read_gif):
    path = tmp_path / "figures" / "episode.gif"
    write_video(path, [make_frame(5 * i) for i in range(75)], fps=30)
    images, durations = read_gif(path)
    assert len(images) == 75 and images[0].shape == (320, 320, 3)
    assert sum(durations) == 2500 and set(durations) == {30, 40}
    assert path.stat().st_size < 3e6
    for i in (0, 40, 74):
        row, column = np.argwhere((images[i] == RED).all(-1)).mean(axis=0)
        assert row == pytest.approx((240 + 12) / 1.5, abs=1)
        assert column == pytest.approx((5 * i + 12) / 1.5, abs=1)


def test_small_and_wide_frames(tmp_path, read_gif):
    write_video(tmp_path / "a.gif", [make_frame(0, 64)], fps=10)
    assert read_gif(tmp_path / "a.gif")[0].shape == (1, 64, 64, 3)
    write_video(tmp_path / "b.gif", [np.zeros((100, 400, 3), np.uint8)], fps=10, size=200)
    assert read_gif(tmp_path / "b.gif")[0].shape == (1, 50, 200, 3)


def test_high_frame_rates_drop_frames(tmp_path, read_gif):
    write_video(tmp_path / "a.gif", [make_frame(i, 64) for i in range(40)], fps=100)
    _, durations = read_gif(tmp_path / "a.gif")
    assert durations == [20] * 20


def test_a_video_needs_frames_and_a_frame_rate(tmp_path):
    for frames, fps in (([], 10), ([make_frame(0)], 0)):
        with pytest.raises(ValueError, match=f"{len(frames)} and {fps}"):
            write_video(tmp_path / "a.gif", frames, fps)
