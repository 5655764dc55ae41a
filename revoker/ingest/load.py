"""Reports into the store: read, pair, name, write in batches."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from revoker import secrets
from revoker.errors import ReportUnreadable, RevokerError, UsageError
from revoker.ingest.formats import read_report, reader
from revoker.ingest.naming import Named, Namer
from revoker.ingest.pairing import pair
from revoker.ingest.problems import Problems
from revoker.ingest.source import clean_name
from revoker.log import get_logger
from revoker.model import Credential, Finding

if TYPE_CHECKING:
    from revoker.store import Store

log = get_logger(__name__)
BATCH = 20_000
Report = Path | tuple[str, BinaryIO]  # a file, or a name and a stream that is open already
Progress = Callable[[int], None]  # findings so far


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What came in. `skipped` counts findings by reason; `notes` are sentences for a person."""

    findings: int = 0
    credentials: int = 0  # unique ones in these reports
    new: int = 0  # of those, not in the store before
    skipped: Mapping[str, int] = field(default_factory=dict)
    incomplete: bool = False
    problems: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Tally:
    findings: int = 0
    new: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    fingerprints: set[str] = field(default_factory=set)


def ingest(
    store: Store,
    reports: Sequence[Report],
    *,
    incident: str,
    now: datetime,
    format: str | None = None,
    progress: Progress | None = None,
) -> IngestResult:
    """Read reports into the store, as part of an incident.

    What was read before a fault stays. Raises UsageError for a file that is not there or a format that is not
    known, ReportUnreadable when not one of the reports could be read.
    """
    from revoker.store.credentials import add_findings

    _check(reports, format)
    problems, tally = Problems(), _Tally()
    namer = Namer(lambda kind, value: secrets.fingerprint(store.keys, kind, value))
    unreadable: list[ReportUnreadable] = []

    def read_all() -> Iterator[Finding]:
        """All reports as one stream: a half in one is a place of the whole pair in another."""
        for report in reports:
            try:
                with _opened(report) as (name, stream):
                    yield from _all_of(stream, name, format, problems)
            except ReportUnreadable as error:
                unreadable.append(error)
                problems.add("unreadable")

    with _rare_collections():
        for batch in _batches(pair(read_all()), namer, tally):
            tally.new += add_findings(store, batch, incident, now).new
            if progress is not None:
                progress(tally.findings)
    if unreadable and len(unreadable) == len(reports):
        raise unreadable[0]
    return IngestResult(
        findings=tally.findings,
        credentials=len(tally.fingerprints),
        new=tally.new,
        skipped=dict(tally.skipped),
        incomplete=problems.incomplete,
        problems=dict(problems.counts),
        notes=(*(error.message for error in unreadable), *problems.lines()),
    )


def _all_of(stream: BinaryIO, name: str, format: str | None, problems: Problems) -> Iterator[Finding]:
    """A report's findings; when our own reading breaks on it, those before that place."""
    try:
        yield from read_report(stream, name=name, format=format, problems=problems)
    except RevokerError:
        raise
    except Exception as error:  # noqa: BLE001 - one hostile report must not end the reading of all others
        log.error("report_not_read", error=type(error).__name__)  # noqa: TRY400 - its text may hold a value
        problems.add("our_bug", name)


def _check(reports: Sequence[Report], format: str | None) -> None:
    """Tell of an unknown format and of a file that is not there before anything is read."""
    if format is not None:
        reader(format)
    for report in reports:
        with _opened(report):
            pass


def _batches(findings: Iterator[Finding], namer: Namer, tally: _Tally) -> Iterator[list[tuple[Finding, Credential | None]]]:
    """Findings with their credentials, a few thousand at a time: one transaction each."""
    name = namer.name
    while some := list(islice(findings, BATCH)):
        batch: list[tuple[Finding, Credential | None]] = []
        for finding in some:
            kept, named = name(finding)
            batch.append((kept, named.credential))
            _count(named, tally)
        tally.findings += len(batch)
        yield batch


def _count(named: Named, tally: _Tally) -> None:
    if named.skipped is not None:
        tally.skipped[named.skipped] += 1
    if named.credential is not None:
        tally.fingerprints.add(named.credential.fingerprint)


@contextmanager
def _opened(report: Report) -> Iterator[tuple[str, BinaryIO]]:
    if isinstance(report, tuple):
        yield report
        return
    try:
        with report.open("rb") as stream:
            yield str(report), stream
    except FileNotFoundError:
        raise UsageError(f"There is no file {clean_name(str(report))}.") from None
    except (IsADirectoryError, PermissionError) as error:
        raise UsageError(f"{clean_name(str(report))} cannot be opened: {error.strerror}.") from None


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Findings are made by the million and hold no cycles: looking for some all the time would cost a tenth of the run."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
