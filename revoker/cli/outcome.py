"""From what was found to the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from revoker.errors import ExitCode
from revoker.model import Status

OPEN = (Status.UNKNOWN, Status.NEW, Status.DYING, Status.CONTAINED)  # not known to be live, not proven dead


def of_counts(counts: Mapping[Status, int]) -> ExitCode:
    """10 while one is live, 11 while one is undecided or its death unproven, else 0."""
    if counts.get(Status.LIVE):
        return ExitCode.LIVE
    return ExitCode.UNKNOWN if any(counts.get(status) for status in OPEN) else ExitCode.DONE


def of_runs(states: Iterable[str]) -> ExitCode:
    """13 when a run failed, 12 while one waits for a person or for time, else 0."""
    seen = set(states)
    if "failed" in seen:
        return ExitCode.FAILED
    return ExitCode.WAITING if seen & {"ready", "running", "waiting", "parked"} else ExitCode.DONE


def worst(*codes: ExitCode) -> ExitCode:
    """The one that a person must hear first: a failed run, a wait, live ones, undecided ones."""
    order = (ExitCode.FAILED, ExitCode.WAITING, ExitCode.LIVE, ExitCode.UNKNOWN, ExitCode.PARTIAL, ExitCode.DONE)
    return next(code for code in order if code in codes)
