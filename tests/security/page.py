"""docs/security.md: each row, its defence, the tests that show it, and what they gave in the run that wrote the page."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.security.rows import ROWS, Row

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
HEAD = """# Threats and faults, row by row

Written by `make security`, which runs the tests named here. A test in the suite compares the rows, defences and test names with the code.
The threat model in words, and what is out of scope, is in [SECURITY.md](../SECURITY.md).
"""


def marked(root: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Row id -> the tests that carry it, as `tests/file.py::test_name`."""
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, ids in _tests(tree):
            for id in ids:
                found.setdefault(id, []).append(f"{path.relative_to(root.parent)}::{name}")
    return found


def _tests(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, [id for one in node.decorator_list for id in _ids(one)]


def _ids(decorator: ast.expr) -> list[str]:
    """The ids of one `@pytest.mark.row("N-1", ...)`."""
    if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.row"):
        return []
    return [str(arg.value) for arg in decorator.args if isinstance(arg, ast.Constant)]


def written(results: Mapping[str, str]) -> str:
    """The page. `results` gives each test's outcome: test id -> passed, failed, skipped."""
    tests = marked()
    lines = [HEAD, "| row | threat or fault | defence | tests | result |", "|---|---|---|---|---|"]
    for row in ROWS:
        names = tests.get(row.id, [])
        shown = "<br>".join(f"`{name.removeprefix('tests/')}`" for name in names) or "none"
        lines.append(f"| {row.id} | {row.threat} | {row.outside or row.defence} | {shown} | {_result(row, names, results)} |")
    return "\n".join(lines) + "\n"


def _result(row: Row, names: Sequence[str], results: Mapping[str, str]) -> str:
    return f"open: {row.open}" if row.open else result_of(names, results)


def result_of(names: Sequence[str], results: Mapping[str, str]) -> str:
    """`passed`, or how many did what: never passed when one test was left out."""
    if not names:
        return "out of scope"
    outcomes = [results.get(name, "not run") for name in names]
    if set(outcomes) == {"passed"}:
        return "passed"
    return ", ".join(f"{outcomes.count(one)} {one}" for one in sorted(set(outcomes)))


def without_results(page: str) -> list[str]:
    """The page without its last column, for comparing."""
    return [line.rpartition(" | ")[0] if line.startswith("| ") else line for line in page.splitlines()]
