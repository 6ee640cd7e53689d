"""Keys that robots send, as part of an HTTP header."""

from dfplan.types import UserError


def check_api_key(name: str, key: str) -> None:
    """Check that a header can hold a key, or that it is empty; the error does not show it.

    Args:
        name: Name of the key's option, for the error.
        key: Key.

    Raises:
        UserError: If it has other characters than visible ASCII, such as the newline of a file.
    """
    for place, character in enumerate(key):
        if not "!" <= character <= "~":
            raise UserError(
                f"{name} has the character {character!r} at position {place}; valid: visible ASCII "
                "characters, without spaces and newlines"
            )
