import pytest

from dfplan.types import UserError
from dfplan.wire.api_key import check_api_key


@pytest.mark.parametrize("key", ["", "secret", "a-Z_0.9~!/+="])
def test_keys_that_a_header_can_hold(key):
    check_api_key("--api-key", key)


@pytest.mark.parametrize("key", ["secret\n", "two words", "schl\u00fcssel", "\0", "\x7f"])
def test_other_keys_are_refused_without_showing_them(key):
    with pytest.raises(UserError, match="--api-key") as error:
        check_api_key("--api-key", key)
    assert "secret" not in str(error.value) and "words" not in str(error.value)
