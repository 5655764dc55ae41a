"""A pytest plugin: which rows of the security table the run has shown, printed at its end and written on request."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.security import page
from tests.security.rows import ROWS

WORST = ("failed", "skipped", "passed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--security-page", metavar="FILE", help="write the security table with this run's results")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say for how many rows every test was run and passed."""
    results = outcomes(terminalreporter)
    shown = Counter(page.result_of(names, results) == "passed" for names in page.marked().values())
    if shown[True]:
        terminalreporter.write_line(f"security table: {shown[True]} of {len(ROWS)} rows shown by this run (docs/security.md)")
    target = config.getoption("--security-page")
    if target:
        Path(target).write_text(page.written(results), encoding="utf-8")


def outcomes(terminalreporter: pytest.TerminalReporter) -> dict[str, str]:
    """Test id without parameters -> its worst outcome."""
    found: dict[str, str] = {}
    for outcome in reversed(WORST):
        for report in terminalreporter.stats.get(outcome, []):
            found[report.nodeid.partition("[")[0]] = outcome
    for report in terminalreporter.stats.get("error", []):
        found[report.nodeid.partition("[")[0]] = "failed"
    return found
