"""Incidents end by themselves when every member is proven dead, or accepted by a named person; never before."""

from __future__ import annotations

from revoker.cli import output
from revoker.cli.session import Session, now


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
