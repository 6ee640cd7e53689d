"""One recipe for all tests, so that it is compiled once; tests stop it early with `until`."""

import pytest

from dfplan.data.windows import fit_normalizers, make_corpus
from dfplan.model import Model
from dfplan.representation.tokens import TokenLayout
from dfplan.training.loop import fit
from dfplan.training.step import Recipe


@pytest.fixture(scope="session")
def recipe(tiny_data, tiny_config) -> Recipe:
    layout = TokenLayout.create(tiny_data.layout, tiny_config.data)
    model = Model(layout, tiny_config.net, tiny_config.diffusion)
    return Recipe(model, tiny_config.data, tiny_config.training)


@pytest.fixture(scope="session")
def corpus(tiny_data, tiny_config):
    return make_corpus(tiny_data, tiny_config.data, *fit_normalizers(tiny_data))


@pytest.fixture(scope="session")
def straight(recipe, corpus, tmp_path_factory):
    """The directory and the last state of a run of 7 steps that nothing interrupts."""
    directory = tmp_path_factory.mktemp("straight")
    return directory, fit(recipe, corpus, directory, until=7)
