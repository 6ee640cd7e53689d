"""Plans with known coordinates, and an environment that can draw itself."""

import numpy as np
import pytest
from PIL import Image

LEFT, RIGHT, BOTTOM, TOP = -3.0, 5.0, -2.0, 2.0


class Drawing:
    """Stands for an environment: `draw` notes what it was drawn for."""

    def __init__(self):
        self.seeds, self.drawn = [], []

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


class Mute:
    """An environment that cannot draw itself."""

    unwrapped = object()


@pytest.fixture
def drawing():
    return Drawing()


@pytest.fixture
def mute():
    return Mute()


@pytest.fixture
def candidates():
    """`[3, 5, 2]`, all from the origin."""
    steps = np.arange(5.0)
    return np.stack([np.stack([0.5 * steps, slope * steps], -1) for slope in (-0.2, 0.1, 0.3)])


@pytest.fixture
def levels():
    """Pyramid over 4 tokens and 3 levels, `[7, 4]`."""
    return np.clip(3 + np.arange(4) - np.arange(7)[:, None], 0, 3) / 3


@pytest.fixture
def trace(candidates, levels):
    """`[7, 3, 5, 2]`: noise that shrinks with the level of each token."""
    noise = np.random.default_rng(0).normal(size=(3, 5, 2))
    weight = np.concatenate([np.zeros((7, 1)), levels], axis=1)
    return candidates + weight[:, None, :, None] * noise


@pytest.fixture
def read_gif():
    """`read_gif(path)`: frames `[F, H, W, 3]` and how long each is shown, in milliseconds."""

    def read(path):
        images, durations = [], []
        with Image.open(path) as image:
            assert image.format == "GIF" and image.info["loop"] == 0
            for i in range(image.n_frames):
                image.seek(i)
                images.append(np.asarray(image.convert("RGB")))
                durations.append(image.info["duration"])
        return np.stack(images), durations

    return read
