"""The files in deploy/ name files, options and versions that exist."""

import configparser
import fnmatch
import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from dfplan.cli import main
from dfplan.serve.settings import Limits
from dfplan.types import UserError
from dfplan.wire import keys

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


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the container file, each with its arguments on one line."""
    lines = [line for line in CONTAINER.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line]  # pyright: ignore


def test_the_container_file_is_well_formed():
    valid = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "VOLUME", "EXPOSE", "STOPSIGNAL"}
    valid |= {"HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in instructions()} <= valid and instructions()[0][0] == "FROM"
    stages = set()
    for name, rest in instructions():
        if name == "FROM":
            image, *alias = rest.split(" AS ")
            assert re.fullmatch(r"[a-z]+:\d+\.\d+[a-z-]*", image)  # a tag, and not "latest"
            stages.update(alias)
        if name == "COPY":
            *options, sources_and_target = rest.split(" ", rest.count("--"))
            *sources, _ = sources_and_target.split()
            for option in options:
                assert option.removeprefix("--from=") in stages
            if not options:
                assert all((ROOT / source).exists() for source in sources)
        if name == "RUN":
            subprocess.run(["sh", "-n", "-c", rest], check=True)
            assert rest.count("pip") == rest.count("--no-cache-dir") + rest.count("/pip")
        if name in ("ENTRYPOINT", "CMD"):
            assert json.loads(rest)  # the exec form, whose process gets the signals
    users = [rest for name, rest in instructions() if name == "USER"]
    useradd = next(rest for name, rest in instructions() if "useradd" in rest)
    assert users == ["dfplan"] and useradd.endswith(" dfplan")
    (cache,) = (rest for name, rest in instructions() if name == "VOLUME")
    assert f"--home-dir {cache}" in useradd and ("ENV", f"XDG_CACHE_HOME={cache}") in instructions()
    (health,) = (rest for name, rest in instructions() if name == "HEALTHCHECK")
    (port,) = (rest for name, rest in instructions() if name == "EXPOSE")
    assert f"127.0.0.1:{port}{keys.HEALTH_PATH}" in health and int(port) == keys.DEFAULT_PORT


def test_a_wheel_pattern_of_the_container_names_one_wheel():
    versions = {"dfplan": "0.1.0", "dfplan_envs": "0.1.0"}
    wheels = [f"/wheels/{name}-{version}-py3-none-any.whl" for name, version in versions.items()]
    for pattern in re.findall(r"/wheels/\S+?\.whl", CONTAINER):
        assert len(fnmatch.filter(wheels, pattern)) == 1
