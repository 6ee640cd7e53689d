"""Rules of form that the linter has no check for, over all source files."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("dfplan", "envs/dfplan_envs", "experiments", "examples", "docs/generate")
MAX_LINES = 80


def violations(source: str) -> list[str]:
    """Return the broken rules of a source file, each with its line."""
    broken = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if _is_parallel_assignment(node):
            broken.append(f"line {line}: several assignments in one statement")
        if isinstance(node, ast.Lambda) and node.args.defaults:
            broken.append(f"line {line}: lambda with a default; define a function")
        if isinstance(node, ast.FunctionDef) and _length(node) > MAX_LINES:
            broken.append(f"line {line}: {node.name} has {_length(node)} lines")
    return broken


def _is_parallel_assignment(node: ast.AST) -> bool:
    """Whether a tuple is assigned to a tuple of other names; a swap is not."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple):
        return False
    (target, *_) = node.targets
    if not isinstance(target, ast.Tuple):
        return False
    return {ast.unparse(e) for e in target.elts} != {ast.unparse(e) for e in node.value.elts}


def _length(node: ast.FunctionDef) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


@pytest.mark.parametrize("folder", FOLDERS)
def test_source_files_keep_the_rules(folder):
    broken = {
        str(path.relative_to(ROOT)): rules
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (rules := violations(path.read_text()))
    }
    assert not broken


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("a, b = 1, 2", "several assignments"),
        ("f = [lambda x, low=low: x for low in range(3)]", "lambda with a default"),
        ("def f():\n" + "    x = 1\n" * MAX_LINES, "has 81 lines"),
    ],
)
def test_a_broken_rule_is_named(source, words):
    (message,) = violations(source)
    assert words in message


def test_swaps_and_unpacking_are_allowed():
    assert not violations("a, b = b, a\nc, d = f()\n(e, g), h = f()")
