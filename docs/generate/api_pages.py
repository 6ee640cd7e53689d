"""API pages: one per package, with every public module in it, from the docstrings."""

import importlib
import pkgutil
from collections.abc import Iterator

import dfplan
import dfplan_envs

ROOTS = (dfplan, dfplan_envs)


def pages() -> dict[str, str]:
    """Return the text of each page by its path below reference/."""
    modules_by_package: dict[str, list[str]] = {}
    for module, is_package in modules():
        package = module if is_package else module.rpartition(".")[0]
        modules_by_package.setdefault(package, []).append(module)
    return {f"api/{name}.md": _page(name, names) for name, names in modules_by_package.items()}


def modules() -> Iterator[tuple[str, bool]]:
    """Yield the name of every public module, and whether it is a package.

    The modules of commands are left out: their arguments have a page of their own.
    """
    for root in ROOTS:
        yield root.__name__, True
        for module in pkgutil.walk_packages(root.__path__, f"{root.__name__}."):
            if not module.name.startswith(("dfplan.cli.", "dfplan_envs.checkpoints")):
                yield module.name, module.ispkg


def _page(package: str, names: list[str]) -> str:
    summary = (importlib.import_module(package).__doc__ or "").partition("\n")[0]
    blocks = [f"::: {name}" for name in names if name != package]
    if package == "dfplan.cli":
        blocks = [f"::: {package}"]
    return "\n\n".join([f"# {package}", summary, *blocks]) + "\n"
