"""What ends a command that moved something: incidents that are over are closed, and events are delivered.

An incident ends by itself when every member is proven dead, or accepted by a named person; never before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from revoker.cli import output
from revoker.cli.session import Session, now
from revoker.errors import ExitCode, RevokerError

if TYPE_CHECKING:
    from revoker.store.credentials import CredentialRow


def finish(session: Session) -> None:
    """Close what is over, anchor the audit log, and tell the outside. What is down holds nothing up."""
    from revoker import anchoring, notify

    close_finished(session)
    for place in anchoring.anchor_afar(session.store, session.settings, now()):
        if not place.ok:
            output.tell(f"The audit log was NOT anchored ({place.place}): {place.detail}")
    try:
        notify.deliver(session.store, settings=session.settings, clock=now)
    except RevokerError as error:
        output.tell(f"Events were not delivered: {error.message}")


def tell_lapsed(fingerprints: Sequence[str]) -> ExitCode:
    """Say which credentials nobody watches any more; 11 when there are some: their return would go unnoticed."""
    for fingerprint in fingerprints:
        output.tell(
            f"NOT WATCHED ANY MORE: {fingerprint} was not asked; `revoker show` says why, `revoker attest` vouches for it again."
        )
    return ExitCode.UNKNOWN if fingerprints else ExitCode.DONE


def tell_unowned(rows: Sequence[CredentialRow]) -> None:
    """Say how many nobody vouches for: that nothing was asked about them is no good news."""
    skipped = sum(1 for row in rows if row.reason in ("not_owned", "host_not_owned"))
    if skipped:
        output.tell(
            f"NOT ASKED: nothing shows that {skipped} of them are ours (not_owned), and they may be live. "
            "Next: revoker attest INCIDENT, or [ownership] in the configuration."
        )


def tell_owned(fingerprints: Sequence[str]) -> None:
    """Say how many our own authority showed to be ours: nobody's word stands for them."""
    if fingerprints:
        output.tell(f"{len(fingerprints)} of them are ours, as our own [authority] shows; `revoker show` says how.")


def tell_frozen(providers: Sequence[str]) -> None:
    """Say which providers' refusals are not believed."""
    for name in providers:
        output.tell(
            f"{name}: most of what was live is refused at once. An outage is suspected, and nothing of it is declared dead."
        )


def tell_canaries(fingerprints: Sequence[str]) -> None:
    """Say which canaries were asked: whoever watches them will call."""
    for fingerprint in fingerprints:
        output.tell(f"CANARY ASKED, by an override on record: {fingerprint}. Whoever watches it has been told by its alarm.")


def close_finished(session: Session) -> list[str]:
    """Close the open incidents that are over, and say so; give their ids."""
    from revoker import audit
    from revoker.store import credentials, incidents
    from revoker.store.credentials import Selection

    closed = []
    for incident in incidents.list_incidents(session.store, only_open=True):
        members = credentials.counts(session.store, Selection(incident=(incident.id,)))
        if members and not incidents.open_members(session.store, incident.id):
            audit.append(session.store, "incident_closed", {"incident": incident.id}, now())
            incidents.close(session.store, incident.id, now())
            output.tell(f"Incident {incident.id} is closed: every member is proven dead or accepted by name.")
            closed.append(incident.id)
    return closed
