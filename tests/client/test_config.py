import itertools
from random import Random

import pytest

from dfplan.client import connect
from dfplan.client.config import ClientConfig, retry_delays
from dfplan.types import UserError


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"execute": 0}, "0"),
        ({"execute": 2, "lead": 3}, "to 2, got 3"),
        ({"lead": -1}, "-1"),
        ({"fallback": "stop"}, "hold, continue"),
        ({"hold": "home"}, "zero, last"),
        ({"hold": ()}, "()"),
        ({"hold": (1.0, float("nan"))}, "nan"),
        ({"deadline": 2.0, "timeout": 1.0}, "1], got 2.0"),
        ({"timeout": 0.0}, "0.0"),
        ({"longest_delay": float("inf")}, "inf"),
        ({"speed": 1}, "execute, lead"),
    ],
)
def test_bad_settings_are_refused_before_anything_connects(settings, shown):
    with pytest.raises(UserError) as error:
        connect("nowhere.invalid", **settings)
    assert shown in str(error.value)


def test_a_list_holds_as_a_tuple_does():
    assert ClientConfig(hold=[1.0, 2.0]).hold == (1.0, 2.0)


def test_delays_double_up_to_the_longest_with_jitter():
    delays = list(itertools.islice(retry_delays(0.1, 1.0, Random(0)), 100))
    for delay, full in zip(delays, [0.1, 0.2, 0.4, 0.8, *[1.0] * 96], strict=True):
        assert full / 2 <= delay <= full
    assert len({round(delay, 6) for delay in delays}) > 90
