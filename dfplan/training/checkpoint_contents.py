"""What a checkpoint holds: checksums of its files, and shapes of its arrays."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from dfplan.types import PyTree
from dfplan.util import files

CONTENTS = "contents.json"


def array_shapes(tree: PyTree) -> dict[str, list[int]]:
    """Return the shape of each array of a tree, by its path."""
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path): list(jnp.shape(leaf)) for path, leaf in leaves}


def write_contents(checkpoint: Path, shapes: dict[str, Any]) -> None:
    """Record the checksum of every file of a complete checkpoint, and the shapes of its arrays."""
    paths = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    record = {
        "files": {p.relative_to(checkpoint).as_posix(): files.checksum(p) for p in paths},
        "shapes": shapes,
    }
    (checkpoint / CONTENTS).write_text(json.dumps(record))


def check_contents(checkpoint: Path, like: dict[str, PyTree]) -> None:
    """Check some items before Orbax reads them, as its own failures flood the terminal.

    Raises:
        OSError: If a file is missing.
        ValueError: If a file has changed since it was written, or a shape differs from `like`.
    """
    record = json.loads((checkpoint / CONTENTS).read_text())
    for item, tree in like.items():
        saved = record["shapes"][item]
        expected = array_shapes(tree)
        for name in sorted({*saved, *expected}):
            if saved.get(name) != expected.get(name):
                raise ValueError(
                    f"{item}{name}: shape {saved.get(name, 'none')}, "
                    f"but the model has {expected.get(name, 'none')}"
                )
    for name, crc in record["files"].items():
        if ".." in Path(name).parts:
            raise ValueError(f"{CONTENTS} names {name!r}, a file elsewhere")
        if name.partition("/")[0] in like and files.checksum(checkpoint / name) != crc:
            raise ValueError(f"{name} has changed since it was written")
