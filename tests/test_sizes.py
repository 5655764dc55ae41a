"""The sizes that CONTRIBUTING.md asks for: modules under 300 lines, functions of 50 at the most."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULE, FUNCTION = 299, 50  # lines at the most


def too_large(path: Path) -> Iterator[str]:
    text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
    if (lines := len(text.splitlines())) > MODULE:
        yield f"{name}: {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION:
                yield f"{name}: {node.name} has {lines} lines"


def test_modules_and_functions_are_small() -> None:
    files = [path for folder in ("revoker", "providers") for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 200  # the folders are there
    assert [line for path in files for line in too_large(path)] == []
