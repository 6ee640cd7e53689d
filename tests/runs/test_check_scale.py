"""A dataset in other coordinates than a run's is refused."""

import dataclasses

import numpy as np
import pytest

from dfplan.data.training_arrays import fit_normalizers
from dfplan.runs.check_scale import check_scale
from dfplan.types import UserError


def test_data_in_other_coordinates_are_refused(tiny_data):
    states, _ = fit_normalizers(tiny_data)
    check_scale(states, tiny_data)
    far = tiny_data.state + np.float32([0, 3.9e6, *np.zeros(tiny_data.state.shape[1] - 2)])
    with pytest.raises(UserError, match=r"has mean 3.9e\+06 in dimension 1; .* units and coord"):
        check_scale(states, dataclasses.replace(tiny_data, state=far))
    near = dataclasses.replace(tiny_data, state=tiny_data.state + 50 * tiny_data.state.std(axis=0))
    check_scale(states, near)
