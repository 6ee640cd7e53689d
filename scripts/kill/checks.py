"""What must hold after a command was killed, and after it has been run again."""

import contextlib
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from dfplan.util.locks import LOCK
from dfplan.util.places import STAGING
from scripts.kill.commands import NEW_DATASET, OTHERS, run


class Expected(NamedTuple):
    """What a command that is not killed leaves: its files, and the losses of a training."""

    paths: set[str]
    curve: list[Any]

    @classmethod
    def of(cls, folder: Path) -> "Expected":
        """Return what a command has left in a folder."""
        return cls(paths=_visible(folder), curve=_curve(folder))


def damages(folder: Path) -> list[str]:
    """Return what is wrong in a folder in which a command was killed."""
    reasons = [_damage(folder / path) for path in sorted(_visible(folder))]
    return [reason for reason in reasons if reason] + _changed_others(folder)


def state(folder: Path) -> str:
    """Return a digest of all paths, without the random parts of their names, and file sizes.

    What a staging directory holds does not count: the next process removes the directory, and looks
    for nothing in it but its lock.
    """
    paths = (path for path in folder.rglob("*") if path.name == LOCK or not _is_staged(path))
    lines = [f"{path.relative_to(folder)} {path.stat().st_size}" for path in paths]
    names = sorted(re.sub(r"[0-9a-f]{8,}|\d{10}\.\w+\.", "*", line) for line in lines)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def _is_staged(path: Path) -> bool:
    """Return whether a path lies in a staging directory."""
    return any(parent.name.endswith(STAGING) for parent in path.parents)


def run_again(argv: list[str], folder: Path, expected: Expected) -> list[str]:
    """Run a killed command again in its folder, and return what is wrong then."""
    out = next((arg for arg in argv if arg in ("run", "packed", "exported")), None)
    resumes = out == "run" and Path("run").exists()
    is_complete = out is not None and not resumes and Path(out).exists()
    is_complete = is_complete or Path(NEW_DATASET).exists()
    code, output = run(["train", "--out", "run", "--resume"] if resumes else argv)
    problems = []
    if code != (2 if is_complete else 0):
        problems.append(f"run again, it exits with {code}: {output[-500:]}")
    missing = expected.paths - _visible(folder)
    problems += [f"{p} is missing" for p in missing if "/" not in p or p.endswith("config.json")]
    problems += [f"{path} was left" for path in folder.rglob("*.dfplan-*")]
    if _curve(folder) != expected.curve:
        problems.append("the training has other losses than one that is not killed")
    return problems + _changed_others(folder)


def _changed_others(folder: Path) -> list[str]:
    return [f"{path} was changed" for path, text in OTHERS.items() if not _is(folder / path, text)]


def _is(path: Path, text: str) -> bool:
    with contextlib.suppress(OSError):
        return path.read_text() == text
    return False


def _curve(folder: Path) -> list[Any]:
    """Return steps and losses of the training in a folder."""
    path = folder / "run" / "metrics.jsonl"
    records = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return [(record["step"], record["loss"]) for record in records]


def _visible(folder: Path) -> set[str]:
    """Return the files below a folder that no part of their path hides."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(p) for p in paths if not any(part.startswith(".") for part in p.parts)}


def _damage(path: Path) -> str:
    """Return how a file is damaged; an empty string if it is not."""
    data = path.read_bytes()
    try:
        if path.name in ("another.json", "data") or path.parent.name == "run-2":
            return ""
        if path.suffix == ".json":
            json.loads(data)
        if path.suffix in (".png", ".gif"):
            from PIL import Image

            with Image.open(io.BytesIO(data)) as image:
                for frame in range(getattr(image, "n_frames", 1)):
                    image.seek(frame)
                    image.load()
        if path.suffix == ".html" and not data.rstrip().endswith(b"</html>"):
            return f"{path} is cut off"
    except Exception as error:
        return f"{path} is damaged: {error}"
    return ""
