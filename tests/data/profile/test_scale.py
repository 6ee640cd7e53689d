"""Profiles name dimensions of noise, and offsets that are too large for float32."""

import numpy as np
import pytest

from dfplan.cli import main
from dfplan.data.minari_io import load_trajectories
from dfplan.data.profile.findings import findings
from dfplan.data.profile.measure import measure

from .conftest import ID, box, walk


@pytest.fixture
def written(write):
    """Two episodes of UTM coordinates, a gripper that does not move, and a constant."""
    episodes = []
    for seed in range(2):
        observations, *rest = walk(seed)
        observations += [500_000, 3_900_000, 0, 0]
        observations[:, 2] = 0.7 + 1e-5 * np.random.default_rng(seed).normal(size=len(observations))
        observations[:, 3] = 3
        episodes.append((observations, *rest))
    write(episodes, box(4))
    return [episode[0] for episode in episodes]


def test_noise_and_origin_are_those_of_training(written):
    profile = measure(ID)
    data = load_trajectories(ID)
    assert profile.layout == data.layout
    assert [bool(offset) for offset in data.layout.origin] == [True, True, False, False]
    np.testing.assert_allclose(
        data.layout.to_global(data.state), np.concatenate(written), rtol=0, atol=1e-6
    )
    assert [dimension.noise for dimension in profile.state] == [False, False, True, True]
    (noise,) = [text for text in findings(profile) if "nearly constant" in text]
    assert "observation 2:" in noise and "observation 3" not in noise


def test_dataset_show_says_so(written, capsys):
    assert main(["dataset", "show", ID]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "observation 1 3,900,00" in text or "observation 1 3,899,99" in text
    assert "observation 2: nearly constant" in text


def test_another_dataset_is_read_with_the_origin_of_a_run(written):
    origin = (1.0, 2.0, 0.0, 0.0)
    data = load_trajectories(ID, origin=origin)
    assert data.layout.origin == origin
    assert data.fingerprint != load_trajectories(ID).fingerprint
    np.testing.assert_allclose(data.state[0], written[0][0] - origin, rtol=1e-6)
