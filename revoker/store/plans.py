"""Plans by their digest, and the approvals that named persons gave to exactly that digest, each used once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.errors import ApprovalRefused, UsageError
from revoker.store import schema
from revoker.store.database import Store, reading, writing
from revoker.store.rows import canonical
from revoker.store.times import maybe_moment, micros, moment


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A stored plan."""

    digest: str
    document: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """A named person's yes to one digest. The nonce makes it usable once, in this store and in a restored one."""

    plan_digest: str
    approver: str
    signature: str = field(repr=False)
    nonce: str
    signed_at: datetime
    expires_at: datetime
    consumed_at: datetime | None = None
    run_group: str | None = None
    emergency: str = ""  # why this one yes is to be enough


def save_plan(store: Store, digest: str, document: Mapping[str, Any], now: datetime) -> None:
    """Keep a plan. The same digest again changes nothing."""
    table = schema.plans
    with writing(store) as connection:
        if connection.execute(sa.select(table.c.digest).where(table.c.digest == digest)).first() is None:
            connection.execute(sa.insert(table).values(digest=digest, document=canonical(dict(document)), created_at=micros(now)))


def load_plan(store: Store, digest_or_prefix: str) -> PlanRow:
    """The plan with this digest or unique beginning of one. Raises UsageError."""
    table = schema.plans.c
    query = sa.select(table.digest, table.document, table.created_at).where(
        table.digest.startswith(digest_or_prefix, autoescape=True)
    )
    with reading(store) as connection:
        rows = connection.execute(query.limit(2)).all()
    if len(rows) != 1 or not digest_or_prefix:
        problem = "Several plans begin" if rows else "There is no plan that begins"
        raise UsageError(f"{problem} with {digest_or_prefix[:64]!r}.", next="revoker plan shows its digest")
    digest, document, created = rows[0]
    return PlanRow(digest, json.loads(document), moment(created))


def list_plans(store: Store, limit: int = 100) -> list[PlanRow]:
    """The newest plans."""
    table = schema.plans.c
    query = sa.select(table.digest, table.document, table.created_at).order_by(table.created_at.desc(), table.digest).limit(limit)
    with reading(store) as connection:
        return [PlanRow(d, json.loads(document), moment(at)) for d, document, at in connection.execute(query)]


def add_approval(store: Store, approval: Approval) -> None:
    """Keep an approval. Raises ApprovalRefused when its nonce was seen before, UsageError without the plan."""
    table = schema.approvals
    with writing(store) as connection:
        if (
            connection.execute(sa.select(schema.plans.c.digest).where(schema.plans.c.digest == approval.plan_digest)).first()
            is None
        ):
            raise UsageError(f"There is no plan {approval.plan_digest[:12]}.")
        if connection.execute(sa.select(table.c.id).where(table.c.nonce == approval.nonce)).first() is not None:
            raise ApprovalRefused("This approval was given before; each one counts once.", next="sign a new one")
        values = {
            "plan_digest": approval.plan_digest,
            "approver": approval.approver,
            "signature": approval.signature,
            "nonce": approval.nonce,
            "signed_at": micros(approval.signed_at),
            "expires_at": micros(approval.expires_at),
            "emergency": approval.emergency or None,
        }
        connection.execute(sa.insert(table).values(values))


def approvals(store: Store, digest: str) -> list[Approval]:
    """All approvals of a plan, used and expired ones too, the oldest first."""
    table = schema.approvals.c
    columns = (
        table.plan_digest,
        table.approver,
        table.signature,
        table.nonce,
        table.signed_at,
        table.expires_at,
        table.consumed_at,
        table.run_group,
        table.emergency,
    )
    with reading(store) as connection:
        rows = connection.execute(sa.select(*columns).where(table.plan_digest == digest).order_by(table.id)).all()
    return [
        Approval(plan, who, signature, nonce, moment(signed), moment(until), maybe_moment(used), group, emergency or "")
        for plan, who, signature, nonce, signed, until, used, group, emergency in rows
    ]


def use_up(connection: Connection, digest: str, run_group: str, now: datetime, needed: int) -> bool:
    """Use up the valid approvals, all or none, within the transaction that makes the runs: False when too few persons approved.

    Every needed person counts once; in an emergency one is enough.
    """
    table = schema.approvals
    at = micros(now)
    valid = (table.c.plan_digest == digest, table.c.consumed_at.is_(None), table.c.expires_at > at, table.c.signed_at <= at)
    locked = sa.select(table.c.id, table.c.approver, table.c.emergency).where(*valid).order_by(table.c.id).with_for_update()
    rows: Sequence[tuple[int, str, str | None]] = connection.execute(locked).all()
    if len({who for _, who, _ in rows}) < needed and not any(why for _, _, why in rows):
        return False
    if rows:
        used = sa.update(table).where(table.c.id.in_([id for id, _, _ in rows])).values(consumed_at=at, run_group=run_group)
        connection.execute(used)
    return True
