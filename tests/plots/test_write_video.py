"""Videos as GIF and MP4 files."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dfplan.plots.write_video import check_video, write_video
from dfplan.types import UserError

FRAMES = [np.full((31, 45, 3), shade, np.uint8) for shade in (0, 90, 180, 250)]


def test_gif(tmp_path, read_gif):
    write_video(tmp_path / "new" / "a.gif", FRAMES, 10, size=30)
    frames, durations = read_gif(tmp_path / "new" / "a.gif")
    assert frames.shape == (4, 21, 30, 3) and durations == [100] * 4


def test_mp4(tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    write_video(tmp_path / "new" / "a.MP4", FRAMES, 10, size=400)
    reader = ffmpeg.read_frames(str(tmp_path / "new" / "a.MP4"))
    facts = next(reader)
    assert facts["size"] == (44, 30) and facts["fps"] == 10
    shades = [np.frombuffer(frame, np.uint8).mean() for frame in reader]
    np.testing.assert_allclose(shades, [0, 90, 180, 250], atol=4)


def test_ffmpeg_starts_without_a_fork(monkeypatch, tmp_path):
    name = "IMAGEIO_FFMPEG_NO_PREVENT_SIGINT"
    started = []

    def write_frames(path, *_, **__):
        Path(path).touch()
        started.append(os.environ.get(name))
        while True:
            yield

    fake = SimpleNamespace(write_frames=write_frames)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", fake)
    monkeypatch.delenv(name, raising=False)
    write_video(tmp_path / "a.mp4", FRAMES, 10, size=400)
    assert started == ["1"] and name not in os.environ


def test_a_missing_mp4_package_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(UserError, match=r"imageio-ffmpeg.*dfplan\[video\]"):
        check_video(tmp_path / "a.mp4")
    check_video(tmp_path / "a.gif")


def test_other_formats(tmp_path):
    with pytest.raises(UserError, match=r"\.gif or \.mp4.*a\.avi"):
        write_video(tmp_path / "a.avi", FRAMES, 10, size=30)
