"""The API's pages: one for each package, with every public module in it, from the docstrings."""

import importlib
import pkgutil
from collections.abc import Iterator

import dfplan
import dfplan_envs

ROOTS = (dfplan, dfplan_envs)


def pages() -> dict[str, str]:
    """Text of each page by its path below reference/."""
    packages: dict[str, list[str]] = {}
    for module, is_package in modules():
        packages.setdefault(module if is_package else module.rpartition(".")[0], []).append(module)
    return {f"api/{name}.md": _page(name, found) for name, found in packages.items()}


def modules() -> Iterator[tuple[str, bool]]:
    """Every public module, and whether it is a package.

    The commands' modules are left out: what a command takes stands on a page of its own.
    """
    for root in ROOTS:
        yield root.__name__, True
        for module in pkgutil.walk_packages(root.__path__, f"{root.__name__}."):
            if not module.name.startswith(("dfplan.cli.", "dfplan_envs.checkpoints")):
                yield module.name, module.ispkg


def _page(package: str, found: list[str]) -> str:
    summary = (importlib.import_module(package).__doc__ or "").partition("\n")[0]
    blocks = [f"::: {name}" for name in found if name != package]
    if package == "dfplan.cli":
        blocks = [f"::: {package}"]
    return "\n\n".join([f"# {package}", summary, *blocks]) + "\n"
