"""What follows when a store was put back from a backup: nothing approved counts, nothing known is believed unchecked.

The backup does not know what was done after it was made. A run that it holds as open may have gone on since, so it is ended;
a credential's state is asked again.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from revoker.model import Status
from revoker.store import schema
from revoker.store.database import Store, writing
from revoker.store.runs import ENDED
from revoker.store.times import micros

STALE = (Status.LIVE, Status.DYING, Status.DEAD, Status.UNKNOWN)  # a contained one stays so: its refusals prove no death
REASON = "restored"
MESSAGE = "The store was put back from a backup, which does not know what this run did since; plan anew."


def distrust(store: Store, now: datetime) -> tuple[int, int, int]:
    """Use up every approval, end every open run, and make every credential due. Gives how many of each."""
    at = micros(now)
    approvals, runs, credentials = schema.approvals, schema.runs, schema.credentials
    used = sa.update(approvals).where(approvals.c.consumed_at.is_(None)).values(consumed_at=at, run_group=REASON)
    ended = sa.update(runs).where(runs.c.state.not_in(ENDED))
    ended = ended.values(state="cancelled", message=MESSAGE, updated_at=at, ended_at=at)
    known = credentials.c.status.in_([status.value for status in STALE])
    stale = sa.update(credentials).where(known).values(status=Status.UNKNOWN.value, validity=None, reason=REASON)
    due = sa.update(credentials).where(credentials.c.status.not_in([Status.ACCEPTED.value, Status.SKIPPED.value]))
    with writing(store) as connection:
        counts = (connection.execute(used).rowcount, connection.execute(ended).rowcount)
        connection.execute(due.values(checked_at=None, next_check_at=at))
        return (*counts, connection.execute(stale).rowcount)
