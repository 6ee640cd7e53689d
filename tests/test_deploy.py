"""The files in deploy/ name files, options and versions that exist."""

import configparser
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from dfplan.cli import main
from dfplan.serve.settings import Limits
from dfplan.types import UserError

ROOT = Path(__file__).parents[1]
CONTAINER = (ROOT / "deploy" / "Containerfile").read_text()
IGNORED = (ROOT / "deploy" / "Containerfile.dockerignore").read_text().splitlines()


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
    parser.read(ROOT / "deploy" / "dfplan-serve.service")
    return parser


def commands() -> dict[str, list[str]]:
    """Return the arguments of `dfplan` in each file."""
    (program, *service) = shlex.split(unit()["Service"]["ExecStart"])
    assert program.endswith("/bin/dfplan")
    entry, command = (
        json.loads(re.search(rf"^{word} (\[.*\])$", CONTAINER, re.MULTILINE)[1])  # pyright: ignore
        for word in ("ENTRYPOINT", "CMD")
    )
    assert entry == ["dfplan"]
    return {"unit": service, "container": command}


@pytest.mark.parametrize(
    ("file", "host"), [("unit", "127.0.0.1"), ("container", "0.0.0.0")], ids=["unit", "container"]
)
def test_the_command_is_valid_up_to_listening(file, host, monkeypatch, capsys):
    def stop(*address):
        raise UserError(f"asked for {address}")

    monkeypatch.setattr("dfplan.serve.server.check_address", stop)
    monkeypatch.setenv("DFPLAN_API_KEY", "secret")
    assert main(commands()[file]) == 2
    assert f"asked for {(host, 8000)}" in capsys.readouterr().err


def test_the_service_ends_as_the_server_does():
    service = unit()["Service"]
    assert service["KillSignal"] == "SIGTERM" and service["SuccessExitStatus"] == "143"
    assert int(service["TimeoutStopSec"]) > Limits().drain_seconds
    # The server may write to its cache alone, where compiled programs are.
    assert service["Environment"] == f"XDG_CACHE_HOME=/var/cache/{service['CacheDirectory']}"
    assert service["ProtectSystem"] == "strict" and "MemoryDenyWriteExecute" not in service


def test_the_container_gets_what_its_wheels_are_built_from():
    allowed = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    assert allowed >= {"dfplan", "envs", "pyproject.toml", "constraints.txt"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert allowed >= {project["readme"], *project["license-files"]}
    assert all((ROOT / name).exists() for name in allowed)
    assert "serve" in project["optional-dependencies"] and "[serve]" in CONTAINER
    python = re.findall(r"^FROM python:(\d\.\d+)", CONTAINER, re.MULTILINE)
    assert len(set(python)) == 1 and f"Python :: {python[0]}" in str(project["classifiers"])
