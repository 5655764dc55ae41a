"""Which credentials the operator's own API showed to be the operator's, how, and when.

It does not end: a credential does not change its account, and one that was deleted since is on no list any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from revoker.model import Owned
from revoker.store import schema
from revoker.store.database import Store, among, reading, writing
from revoker.store.times import micros, moment


@dataclass(frozen=True, slots=True)
class OwnedRow:
    """One answer of the operator's own API."""

    fingerprint: str
    owned: Owned
    at: datetime


def record(store: Store, fingerprint: str, found: Owned, now: datetime) -> None:
    """Keep what showed that a credential is ours; a later answer takes the place of an earlier one."""
    table, creds = schema.owned, schema.credentials.c
    with writing(store) as connection:
        id = connection.execute(sa.select(creds.id).where(creds.fingerprint == fingerprint)).scalar_one()
        connection.execute(sa.delete(table).where(table.c.credential_id == id))
        values = {"credential_id": id, "how": found.how, "account": found.account, "at": micros(now)}
        connection.execute(sa.insert(table).values(values))


def owned_among(store: Store, fingerprints: Sequence[str]) -> Mapping[str, OwnedRow]:
    """Those of some credentials that were shown to be ours."""
    table, creds = schema.owned.c, schema.credentials.c
    query = sa.select(creds.fingerprint, table.how, table.account, table.at).join_from(schema.owned, schema.credentials)
    with reading(store) as connection:
        rows = connection.execute(query.where(among(connection, creds.fingerprint, fingerprints))).all()
    return {fp: OwnedRow(fp, Owned(how, account), moment(at)) for fp, how, account, at in rows}
