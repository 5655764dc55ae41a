"""Overrides for canaries: who let one be asked and changed, why, and until when. Without one it is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from revoker.errors import UsageError
from revoker.statements import OVERRIDE, Statement
from revoker.store import schema
from revoker.store.database import Store, among, reading, writing
from revoker.store.events import put
from revoker.store.times import maybe_moment, micros, moment

ALLOWED, FORBIDDEN = "canary.allowed", "canary.forbidden"  # the events that tell everybody
LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Override:
    """A person's word about one canary."""

    fingerprint: str
    who: str
    why: str
    signed_by: str | None  # the approver who signed it
    signature: str | None
    at: datetime
    until: datetime
    ended_at: datetime | None  # when somebody took it back

    def statement(self, store: str) -> Statement:
        """What was signed, when it was."""
        return Statement(OVERRIDE, store, self.fingerprint, self.who, self.why, self.at, self.until)


def check(who: str, why: str, until: datetime, now: datetime) -> None:
    """Raise UsageError for an override that names nobody or no reason, or does not end within seven days."""
    if not who.strip() or not why.strip() or not now < until <= now + LONGEST:
        raise UsageError("An override needs a person, a reason, and an end within seven days.", safe="nothing was recorded")


def allow(store: Store, fingerprint: str, who: str, why: str, until: datetime, now: datetime, *, signature: str | None) -> None:
    """Let one canary be asked and changed until a time, and tell the outside; `signature` is over Override.statement().

    Raises UsageError for what says nothing.
    """
    check(who, why, until, now)
    with writing(store) as connection:
        id = connection.execute(
            sa.select(schema.credentials.c.id).where(schema.credentials.c.fingerprint == fingerprint)
        ).scalar()
        if id is None:
            raise UsageError(f"There is no credential {fingerprint!r}.", next="revoker status --all lists them")
        values = {"credential_id": id, "who": who, "why": why, "at": micros(now), "until": micros(until)}
        signed = {"signed_by": who if signature else None, "signature": signature}
        connection.execute(sa.insert(schema.canary_overrides).values({**values, **signed}))
        put(connection, ALLOWED, {"fingerprint": fingerprint, "who": who, "why": why, "until": until.isoformat()}, now)


def forbid(store: Store, fingerprint: str, who: str, now: datetime) -> bool:
    """Take back every override of a canary. False when there was none."""
    table, creds = schema.canary_overrides, schema.credentials
    ids = sa.select(creds.c.id).where(creds.c.fingerprint == fingerprint).scalar_subquery()
    mine = (table.c.credential_id == ids, table.c.ended_at.is_(None), table.c.until > micros(now))
    with writing(store) as connection:
        ended = connection.execute(sa.update(table).where(*mine).values(ended_at=micros(now))).rowcount
        if ended:
            put(connection, FORBIDDEN, {"fingerprint": fingerprint, "who": who}, now)
    return bool(ended)


def overrides_of(store: Store, fingerprints: Sequence[str] | None = None) -> dict[str, list[Override]]:
    """All overrides of some credentials, or of all; each the oldest first, those that are over too."""
    table, creds = schema.canary_overrides.c, schema.credentials.c
    columns = (creds.fingerprint, table.who, table.why, table.signed_by, table.signature, table.at, table.until, table.ended_at)
    query = sa.select(*columns).join_from(schema.canary_overrides, schema.credentials).order_by(table.id)
    found: dict[str, list[Override]] = {}
    with reading(store) as connection:
        chosen = query if fingerprints is None else query.where(among(connection, creds.fingerprint, fingerprints))
        for fp, who, why, by, signature, at, until, ended in connection.execute(chosen):
            one = Override(fp, who, why, by, signature, moment(at), moment(until), maybe_moment(ended))
            found.setdefault(fp, []).append(one)
    return found


def allowed(store: Store, fingerprints: Sequence[str], now: datetime) -> dict[str, Override]:
    """The override that counts now, for each credential that has one; a signed one is needed when [ownership] attest says so."""
    signed = store.settings.ownership.attest == "signed"

    def counts(one: Override) -> bool:
        held = one.at <= now < one.until and one.ended_at is None
        return held and (not signed or one.statement(store.id).is_signed(one.signature, store.settings))

    told = overrides_of(store, fingerprints) if fingerprints else {}
    found = {fp: [one for one in those if counts(one)] for fp, those in told.items()}
    return {fp: those[-1] for fp, those in found.items() if those}
