"""`config.json` is checked for changes since it was written."""

import json

import pytest

from dfplan.runs.record import encode_record, open_record
from dfplan.types import UserError

RECORD = {"task": {"env": "Walk-v0"}, "scale": [0.1, 1e-8], "steps": 3000}


def load(directory):
    with open_record(directory) as record:
        return dict(record)


def test_round_trip(tmp_path):
    (tmp_path / "config.json").write_text(encode_record(RECORD))
    assert load(tmp_path) == {"format": 1, **RECORD}


def test_a_flipped_bit_in_any_value_is_noticed(tmp_path):
    path = tmp_path / "config.json"
    text = encode_record(RECORD)
    for position, character in enumerate(text):
        if not character.isalnum():
            continue
        path.write_text(text[:position] + chr(ord(character) ^ 1) + text[position + 1 :])
        if '"checksum"' not in path.read_text():
            continue  # Only the name of the checksum was hit.
        with pytest.raises(UserError, match=r"config\.json") as error:
            load(tmp_path)
        assert "\n" not in str(error.value)


def test_an_edited_record_may_drop_its_checksum(tmp_path):
    record = json.loads(encode_record(RECORD))
    record["steps"] = 5
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="checksum"):
        load(tmp_path)
    del record["checksum"]
    (tmp_path / "config.json").write_text(json.dumps(record))
    assert load(tmp_path)["steps"] == 5
