"""Fixtures of the tests of guidance."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True)
def explicit_ranks() -> Iterator[None]:
    """Broadcasts are written out, for users who set `jax_numpy_rank_promotion` to "raise"."""
    with jax.numpy_rank_promotion("raise"):
        yield
