"""What `ingest`, `attest` and `respond` share: an incident, its attestation, and the reading of reports."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revoker.cli import options, output
from revoker.cli.session import Session, now
from revoker.errors import ApprovalRefused, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from revoker.ingest import IngestResult
    from revoker.statements import Statement
    from revoker.store.database import Store


def name_of(by: str) -> str:
    """The person's name: as given, else the login name."""
    return by or getpass.getuser()


def title_of(reports: Sequence[str]) -> str:
    """A title for an incident that nobody named."""
    names = ["standard input" if name == "-" else Path(name).name for name in reports]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def must_exist(reports: Sequence[str]) -> None:
    """Raise UsageError for a report that is not there, before an incident is opened for it."""
    for name in reports:
        if name != "-" and not Path(name).is_file():
            raise UsageError(f"There is no file {name!r}.", next="name the scanner's report, or - for standard input")


def incident(store: Store, id: str | None, title: str) -> str:
    """The id of the incident: the one named, which must exist, or a new one."""
    from revoker.store import incidents

    if id is None:
        return incidents.open_incident(store, title, now()).id
    return incidents.named(store, id).id


@dataclass(frozen=True, slots=True)
class Witness:
    """Who attests; with the key that signs it, when there is one."""

    name: str
    key: Ed25519PrivateKey | None = None


def witness(session: Session, by: str, key: Path | None) -> Witness:
    """Who will attest. Raises ApprovalRefused or UsageError for a person who may not, before anything is opened for them."""
    from revoker import sshsig

    who = name_of(by)
    if key is None:
        if session.settings.ownership.attest == "signed":
            raise UsageError(
                "The configuration wants attestations to be signed.", next="add --as NAME --key FILE of a configured approver"
            )
        return Witness(who)
    signer = sshsig.private_key(key, password_for(key))
    _is_theirs(session, who, signer)
    return Witness(who, signer)


def attest(session: Session, incident: str, who: Witness, *, why: str, until: str) -> None:
    """Record that an incident's credentials are ours: who, why, until when; signed when the configuration wants it."""
    from revoker import audit
    from revoker.store import incidents

    store, start = session.new_store, now()
    end = start + options.duration(until)
    signature = signed(who, incidents.Attestation(incident, who.name, why, end, start).statement(store.id))
    signed_by = who.name if signature else None
    told = {"incident": incident, "who": who.name, "why": why, "until": end.isoformat(), "signed_by": signed_by}
    audit.append(store, "attested", told, start)
    incidents.attest(store, incident, who.name, why, end, start, signature=signature)


def signed(who: Witness, said: Statement) -> str | None:
    """A person's signature over a statement, with the key that came with them; None without one."""
    return said.sign(who.key) if who.key is not None else None


def read(session: Session, reports: Sequence[str], incident: str, format: str | None) -> IngestResult:
    """Read the reports (`-` is standard input), with a count on a terminal."""
    from revoker.ingest import ingest

    streams = [("standard input", sys.stdin.buffer) if name == "-" else Path(name) for name in reports]
    with output.progress("reading") as bar:
        count = (lambda findings: bar(findings, 0)) if bar else None
        return ingest(session.new_store, streams, incident=incident, format=format, now=now(), progress=count)


def tell_problems(read: IngestResult) -> None:
    """Say what was wrong with the reports."""
    for note in read.notes:
        output.tell(f"{'Not read in full' if read.incomplete else 'Note'}: {note}")


def summary(read: IngestResult) -> dict[str, Any]:
    """The numbers of an ingest, as they stand in JSON."""
    return {
        "findings": read.findings,
        "credentials": read.credentials,
        "new": read.new,
        "skipped": [{"reason": reason, "count": count} for reason, count in sorted(read.skipped.items())],
        "incomplete": read.incomplete,
    }


def _is_theirs(session: Session, who: str, key: Ed25519PrivateKey) -> None:
    """Raise ApprovalRefused unless the key is the configured one of an approver of that name."""
    from revoker import sshsig

    person = next((one for one in session.settings.approvers if one.name == who), None)
    if person is None:
        raise ApprovalRefused(f"{who} is no approver.", next="[[approver]] in the configuration names them")
    if sshsig.public_line(key) != person.key:
        raise ApprovalRefused(f"The key is not the one that the configuration knows of {who}.", next="see [[approver]]")


def password_for(key: Path) -> Any:
    """Asks for the pass phrase of a key file, on the terminal only."""
    return lambda: getpass.getpass(f"Pass phrase of {key.name}: ").encode()
