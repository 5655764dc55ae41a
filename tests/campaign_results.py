"""A pytest plugin: prints what the campaigns counted, at the end of the suite and from every xdist worker."""

from __future__ import annotations

import pytest

NAME = "campaign"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each `record_property("campaign", ...)`."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, text in report.user_properties:
                if name == NAME and report.when == "call":
                    terminalreporter.write_line(f"campaign ({outcome}): {text}")
