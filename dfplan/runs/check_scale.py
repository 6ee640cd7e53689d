"""Check that a dataset has the scale of the data that a run was trained on."""

import numpy as np

from dfplan.data.training_data import TrainingData
from dfplan.representation.normalizer import Normalizer
from dfplan.types import UserError

MAX_DEVIATIONS = 1e4
"""Largest difference of the means, in standard deviations of the run's data.

Data in other units or coordinates lie beyond it; other trajectories of the same robot do not.
"""


def check_scale(states: Normalizer, data: TrainingData) -> None:
    """Check the states of a dataset against the normalizer of a run.

    Args:
        states: Normalizer of the run's states.
        data: Dataset with the run's layout.

    Raises:
        UserError: If a dimension has a mean so far away that other units or another origin must be
            the reason; the message names the dimension and both means.
    """
    mean = np.asarray(states.mean, np.float64)
    unit = np.maximum(np.asarray(states.std, np.float64), np.abs(mean))
    data_mean = data.state_columns.mean
    is_far = np.abs(data_mean - mean) > MAX_DEVIATIONS * unit
    if is_far.any():
        dim = int(np.argmax(is_far))
        trained_mean, actual_mean = data.layout.to_global(np.stack([mean, data_mean]))[:, dim]
        raise UserError(
            f"dataset {data.dataset_id!r} has mean {actual_mean:g} in dimension {dim}; the data "
            f"of this run had {trained_mean:g}; needed: data in the same units and coordinates"
        )
