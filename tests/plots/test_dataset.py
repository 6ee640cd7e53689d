"""The figure of a dataset."""

import numpy as np
import pytest
from PIL import Image

from dfplan.data.profile.profile import Dimension, Profile
from dfplan.data.profile.sample import Sample
from dfplan.plots.dataset import MAX_HISTOGRAMS, dataset_figure, draw_dataset
from dfplan.representation.layout import Layout


def dimensions(name, count):
    return tuple(
        Dimension(f"{name} {i}", 0, 0, std=1, high=1, missing=0, at_ends=0) for i in range(count)
    )


def make_case(states=3, goal_dims=()):
    rng = np.random.default_rng(0)
    layout = Layout(states, 2, goal_dims)
    spaces = {"observation": "", "action": ""}
    profile = Profile(
        "my/data-v0",
        spaces,
        np.array([9] * 5),
        layout=layout,
        state=dimensions("s", states),
        action=dimensions("a", 2),
    )
    paths = tuple(rng.normal(size=(9, states)) for _ in range(3))
    return profile, Sample(rng.normal(size=(200, states)), rng.normal(size=(190, 2)), paths)


def test_paths_are_drawn_in_the_goal_dimensions_and_each_dimension_has_a_histogram():
    profile, sample = make_case(goal_dims=(2, 0))
    sample.state[5, 1] = np.nan
    above, *below = dataset_figure(profile, sample).axes
    drawn = [line.get_xydata() for line in above.lines if line.get_gid() == "path"]
    np.testing.assert_array_equal(drawn, [path[:, [2, 0]] for path in sample.paths])
    assert (above.get_xlabel(), above.get_ylabel()) == ("s 2", "s 0")
    assert above.get_title().startswith("my/data-v0: 3 of 5 episodes")
    assert [ax.get_title() for ax in below] == ["s 0", "s 1", "s 2", "a 0", "a 1"]
    counted = [sum(bar.get_height() for bar in ax.patches) for ax in below]
    assert counted == [200, 199, 200, 190, 190]


def test_one_dimension_is_drawn_over_time():
    profile, sample = make_case(states=1)
    above = dataset_figure(profile, sample).axes[0]
    line = next(line for line in above.lines if line.get_gid() == "path")
    np.testing.assert_array_equal(line.get_xdata(), np.arange(9))
    assert above.get_xlabel() == "control step"


def test_at_most_thirty_histograms_are_drawn():
    figure = dataset_figure(*make_case(states=100))
    assert len(figure.axes) == 1 + MAX_HISTOGRAMS
    assert figure.subfigs[1].get_suptitle() == f"the first {MAX_HISTOGRAMS} of 102 dimensions"


def test_the_directory_is_created(tmp_path):
    draw_dataset(tmp_path / "deep" / "p.png", *make_case())
    with Image.open(tmp_path / "deep" / "p.png") as image:
        assert image.format == "PNG" and image.width == 1200


@pytest.mark.parametrize("value", [0.0, 1e6])
def test_a_constant_dimension_has_a_histogram(value):
    profile, sample = make_case()
    sample.state[:, 0] = value
    assert sum(bar.get_height() for bar in dataset_figure(profile, sample).axes[1].patches) == 200
