"""Runs the comparison in a namespace of its own, and makes the page."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.differential.page import page
from tests.differential.subjects import RULES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "differential.md"
TOOL = Path(sys.executable).with_name("kingfisher")
SIDE_BY_SIDE = 4
SPACE = ("unshare", "--map-root-user", "--mount", "--net")


def missing() -> str:
    """Why the comparison cannot run here, or nothing."""
    if not TOOL.exists():
        return "no kingfisher (package kingfisher-bin) beside this Python"
    if shutil.which("unshare") is None:
        return "no unshare: namespaces are Linux's"
    probe = subprocess.run([*SPACE, "true"], capture_output=True, text=True, check=False)
    return "" if probe.returncode == 0 else f"this machine allows no namespaces of one's own: {probe.stderr.strip()[:200]}"


def version() -> str:
    """The number of the binary that is compared."""
    said = subprocess.run([str(TOOL), "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[-1]


def made() -> str:
    """The page, from a fresh comparison: a few namespaces side by side, for most of it is waiting."""
    kinds = sorted(RULES)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = pool.map(_compared, [kinds[at::SIDE_BY_SIDE] for at in range(SIDE_BY_SIDE)])
        rows = [row for some in found for row in some]
    return page(sorted(rows, key=lambda row: str(row["kind"])), version())


def _compared(kinds: list[str]) -> list[dict[str, Any]]:
    command = [*SPACE, sys.executable, "-m", "tests.differential.compare", *kinds]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False)
    if said.returncode != 0:
        raise RuntimeError(f"the comparison failed: {said.stderr[-2000:]}")
    rows: list[dict[str, Any]] = json.loads(said.stdout)
    return rows
