"""Plans with known coordinates, and environments that can and cannot draw themselves."""

import numpy as np
import pytest
from PIL import Image

LEFT = -3.0
RIGHT = 5.0
BOTTOM = -2.0
TOP = 2.0


class DrawingEnv:
    """An environment that can draw itself.

    Attributes:
        seeds: Seeds of all resets.
        drawn: Seeds of all resets before each call of `draw`.
    """

    def __init__(self):
        self.seeds = []
        self.drawn = []

    @property
    def unwrapped(self):
        return self

    def reset(self, seed=None):
        self.seeds.append(seed)

    def draw(self, ax):
        self.drawn.append(list(self.seeds))
        ax.set_xlim(LEFT, RIGHT)
        ax.set_ylim(BOTTOM, TOP)
        ax.set_aspect("equal")


class PlainEnv:
    """An environment that cannot draw itself."""

    unwrapped = object()


@pytest.fixture
def drawing_env():
    return DrawingEnv()


@pytest.fixture
def plain_env():
    return PlainEnv()


@pytest.fixture
def candidates():
    """Three plans `[3, 5, 2]` from the origin."""
    steps = np.arange(5.0)
    return np.stack([np.stack([0.5 * steps, slope * steps], -1) for slope in (-0.2, 0.1, 0.3)])


@pytest.fixture
def levels():
    """Levels of a pyramid matrix for 4 tokens and 3 denoising steps, `[7, 4]`."""
    return np.clip(3 + np.arange(4) - np.arange(7)[:, None], 0, 3) / 3


@pytest.fixture
def trace(candidates, levels):
    """The candidates `[7, 3, 5, 2]` with noise in proportion to the level of each token."""
    noise = np.random.default_rng(0).normal(size=(3, 5, 2))
    weight = np.concatenate([np.zeros((7, 1)), levels], axis=1)
    return candidates + weight[:, None, :, None] * noise


@pytest.fixture
def read_gif():
    """A function that reads the frames `[F, H, W, 3]` and their display times in milliseconds."""

    def read(path):
        images = []
        durations = []
        with Image.open(path) as image:
            assert image.format == "GIF" and image.info["loop"] == 0
            for i in range(image.n_frames):
                image.seek(i)
                images.append(np.asarray(image.convert("RGB")))
                durations.append(image.info["duration"])
        return np.stack(images), durations

    return read
