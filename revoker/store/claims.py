"""Claims: one worker at a time may act on a credential. Each new claim has a higher fence; what comes with a lower one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.store import schema
from revoker.store.database import Store, ignoring, reading, writing
from revoker.store.times import micros, moment


@dataclass(frozen=True, slots=True)
class Claim:
    """Who may act on a credential, and until when."""

    fingerprint: str
    run_id: str
    owner: str
    fence: int
    until: datetime


def claim(store: Store, fingerprint: str, run_id: str, owner: str, now: datetime, lease: timedelta) -> int | None:
    """Take a credential for a run: the fence, or None while another run or worker holds it.

    The same worker may take it again for the same run (after a crash); its older fence is worth nothing from then on.
    """
    table = schema.claims
    with writing(store) as connection:
        start = {"fingerprint": fingerprint, "run_id": run_id, "owner": owner, "fence": 0, "until": 0}
        connection.execute(ignoring(connection, table), [start])
        held = locked(connection, fingerprint)
        if held is None or (held.until > now and (held.run_id, held.owner) != (run_id, owner)):
            return None
        values = {"run_id": run_id, "owner": owner, "fence": held.fence + 1, "until": micros(now + lease)}
        connection.execute(sa.update(table).where(table.c.fingerprint == fingerprint).values(values))
    return held.fence + 1


def renew(store: Store, fingerprint: str, fence: int, now: datetime, lease: timedelta) -> bool:
    """Hold a claim longer; False when somebody else has it by now."""
    table = schema.claims
    mine = sa.update(table).where(table.c.fingerprint == fingerprint, table.c.fence == fence, table.c.until > 0)
    with writing(store) as connection:
        return bool(connection.execute(mine.values(until=micros(now + lease))).rowcount)


def release(store: Store, fingerprint: str, fence: int) -> bool:
    """Give a claim back; False when it was not held with this fence. The fence itself is never used again."""
    table = schema.claims
    with writing(store) as connection:
        mine = sa.update(table).where(table.c.fingerprint == fingerprint, table.c.fence == fence, table.c.until > 0)
        return bool(connection.execute(mine.values(until=0)).rowcount)


def claim_of(store: Store, fingerprint: str) -> Claim | None:
    """The last claim on a credential, also when it is over."""
    with reading(store) as connection:
        return _found(connection, fingerprint, lock=False)


def holds(connection: Connection, fingerprint: str, held: tuple[str, int] | None) -> bool:
    """True while nobody else claimed the credential after this (run, fence), whose row stays locked; True when there is none."""
    if held is None:
        return True
    found = locked(connection, fingerprint)
    return found is not None and (found.run_id, found.fence) == held


def locked(connection: Connection, fingerprint: str) -> Claim | None:
    """The last claim, locked until the transaction ends."""
    return _found(connection, fingerprint, lock=True)


def _found(connection: Connection, fingerprint: str, *, lock: bool) -> Claim | None:
    table = schema.claims.c
    query = sa.select(table.fingerprint, table.run_id, table.owner, table.fence, table.until).where(
        table.fingerprint == fingerprint
    )
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else Claim(*row[:4], moment(row[4]))
