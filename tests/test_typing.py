"""Reading and changing are two types, and the type checker knows it."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

WRONG = Path(__file__).parent / "typing" / "wrong.py"
ROOT = Path(__file__).parents[1]
MARK = re.compile(r"  # type: ignore\[([a-z-]+)\]$")


def expected(lines: list[str]) -> list[tuple[int, str]]:
    """The lines that must be refused, and how."""
    return [(number, found[1]) for number, line in enumerate(lines, 1) if (found := MARK.search(line))]


def refused(path: Path, cache: Path) -> list[tuple[int, str]]:
    """The lines that mypy refuses, and how."""
    argv = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        f"--cache-dir={cache}",
        "--no-error-summary",
        "--hide-error-context",
        str(path),
    ]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr
    errors = re.findall(rf"^{re.escape(str(path))}:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    return [(int(line), code) for line, code in errors]


@pytest.mark.row("N-11")
def test_the_five_misuses_are_refused_and_nothing_else(tmp_path: Path) -> None:
    lines = WRONG.read_text(encoding="utf-8").splitlines()
    wanted = expected(lines)
    assert len(wanted) == 5
    bare = (
        tmp_path / f"wrong_{uuid.uuid4().hex}.py"
    )  # mypy remembers modules by name, and a name seen before may not be read again
    bare.write_text("\n".join(MARK.sub("", line) for line in lines) + "\n", encoding="utf-8")
    assert refused(bare, ROOT / ".mypy_cache") == wanted
