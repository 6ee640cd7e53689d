"""One spec for all tests, so that it is compiled once; tests stop it early with `stop_step`."""

import pytest

from dfplan.data.training_arrays import fit_normalizers, make_training_arrays
from dfplan.model import Model
from dfplan.representation.tokens import TokenLayout
from dfplan.training.loop import fit
from dfplan.training.step import TrainSpec


@pytest.fixture(scope="session")
def spec(tiny_data, tiny_config) -> TrainSpec:
    layout = TokenLayout.create(tiny_data.layout, tiny_config.data)
    model = Model(layout, tiny_config.net, tiny_config.diffusion)
    return TrainSpec(model, tiny_config.data, tiny_config.training)


@pytest.fixture(scope="session")
def training_arrays(tiny_data, tiny_config):
    return make_training_arrays(tiny_data, tiny_config.data, *fit_normalizers(tiny_data))


@pytest.fixture(scope="session")
def straight(spec, training_arrays, tmp_path_factory):
    """The directory and the last state of an uninterrupted run of 7 steps."""
    directory = tmp_path_factory.mktemp("straight")
    return directory, fit(spec, training_arrays, directory, stop_step=7)
