"""The layers of dfplan, from the import contract in pyproject.toml and the modules' docstrings."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "dfplan"
CONTRACT = "dfplan imports only lower layers"
PLACEHOLDER = "<!-- layers -->"


def layers() -> list[list[str]]:
    """Return the names in each layer, from the highest to the lowest."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = (c for c in contracts if c["name"] == CONTRACT)
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def children() -> set[str]:
    """Return the names of all packages and modules directly in dfplan."""
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    return packages | modules


def summary(name: str) -> str:
    """Return the first line of the docstring of a package or module in dfplan.

    Raises:
        ValueError: If it has no docstring.
    """
    package = PACKAGE / name / "__init__.py"
    path = package if package.is_file() else PACKAGE / f"{name}.py"
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    if not docstring:
        raise ValueError(f"dfplan.{name} has no docstring")
    return docstring.partition("\n")[0]


def table() -> str:
    """Return the layers as a Markdown table, with a row per package or module."""
    rows = ["| layer, high to low | package or module | contents |", "|---|---|---|"]
    for number, names in enumerate(layers(), start=1):
        for name in names:
            rows.append(f"| {number} | `dfplan.{name}` | {summary(name)} |")
    return "\n".join(rows)
