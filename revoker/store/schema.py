"""The tables. Times are whole microseconds since 1970 (UTC), documents are JSON text, and secrets are sealed blobs.

A change here needs a new migration in migrations/versions and a new HEAD; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

HEAD = "0006"  # the revision of this schema; compared with the alembic_version row without importing Alembic

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)
Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only an INTEGER key


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _text(name: str, *more: Any, null: bool = False, key: bool = False) -> Column[str]:
    return Column(name, Text, *more, nullable=null, primary_key=key)


def _time(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _number(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _credential(*, key: bool = False) -> Column[int]:
    return Column("credential_id", Id, ForeignKey("credentials.id"), nullable=False, primary_key=key, autoincrement=False)


def _place() -> tuple[Column[Any], ...]:
    """Where a finding was: its hash, then the scanner's own words."""
    return (
        Column("place", LargeBinary, nullable=False),
        _text("rule"),
        _text("source"),
        _text("file", null=True),
        Column("line", BigInteger),
        _text("commit", null=True),
        _text("image", null=True),
        _text("layer", null=True),
        _text("repository", null=True),
        _text("reported", null=True),
        _time("found_at", null=True),
    )


meta = Table("meta", metadata, _text("name", key=True), _text("value"))

incidents = Table(
    "incidents", metadata, _text("id", key=True), _text("title"), _time("created_at"), _time("closed_at", null=True)
)

attestations = Table(
    "attestations",
    metadata,
    _id(),
    _text("incident_id", ForeignKey("incidents.id")),
    _text("who"),
    _text("why"),
    _time("until"),
    _time("at"),
    _text("signed_by", null=True),
    Index(None, "incident_id"),
)

credentials = Table(
    "credentials",
    metadata,
    _id(),
    _text("fingerprint"),
    _text("kind"),
    _text("provider"),
    _text("status"),
    _text("validity", null=True),
    _text("reason"),
    _text("parts"),
    _text("identity", null=True),
    _text("incident_id", ForeignKey("incidents.id")),
    _text("value_state"),
    _time("ingested_at"),
    _time("detected_at", null=True),
    _time("live_at", null=True),
    _time("contained_at", null=True),
    _time("acked_at", null=True),
    _time("refused_at", null=True),
    _time("last_refused_at", null=True),
    _number("refusals"),
    _time("dead_at", null=True),
    _time("checked_at", null=True),
    _time("next_check_at", null=True),
    _time("residual_until", null=True),
    _text("accepted_by", null=True),
    _text("accepted_why", null=True),
    _number("excluded"),
    _number("unknowns"),
    UniqueConstraint("fingerprint"),
    Index(None, "next_check_at"),
    Index(None, "status"),
)

memberships = Table("memberships", metadata, _text("incident_id", ForeignKey("incidents.id"), key=True), _credential(key=True))

sealed_values = Table(
    "sealed_values", metadata, _credential(key=True), _number("key_version"), Column("blob", LargeBinary, nullable=False)
)

tallies = Table("tallies", metadata, _credential(key=True), _number("findings"))  # small, so that a long ingest rewrites little

findings = Table("findings", metadata, _id(), _credential(), *_place(), UniqueConstraint("credential_id", "place"))

valueless = Table(  # findings whose report held no usable value: masked, hashed, absent
    "valueless",
    metadata,
    _id(),
    _text("incident_id", ForeignKey("incidents.id")),
    _text("value_state"),
    *_place(),
    UniqueConstraint("incident_id", "place"),
)

verdicts = Table(
    "verdicts",
    metadata,
    _id(),
    _credential(),
    _time("at"),
    _text("validity"),
    _text("reason"),
    _text("host", null=True),
    Column("http_status", Integer),
    _text("code", null=True),
    _time("seen_at", null=True),
    _text("identity", null=True),
    Index(None, "credential_id"),
)

plans = Table("plans", metadata, _text("digest", key=True), _text("document"), _time("created_at"))

approvals = Table(
    "approvals",
    metadata,
    _id(),
    _text("plan_digest", ForeignKey("plans.digest")),
    _text("approver"),
    _text("signature"),
    _text("nonce"),
    _time("signed_at"),
    _time("expires_at"),
    _time("consumed_at", null=True),
    _text("run_group", null=True),
    _text("emergency", null=True),  # why one person's yes was to be enough
    UniqueConstraint("nonce"),
    Index(None, "plan_digest"),
)

runs = Table(
    "runs",
    metadata,
    _text("id", key=True),
    _text("plan_digest", ForeignKey("plans.digest")),
    _text("fingerprint", ForeignKey("credentials.fingerprint")),
    _text("playbook"),
    _text("state"),
    _text("step"),
    _text("message"),
    _time("created_at"),
    _time("updated_at"),
    _time("ended_at", null=True),
    Column("priority", Integer, nullable=False, server_default="3"),  # the lowest goes first
    _text("worker", null=True),  # the executor that has it now
    _time("due_at", null=True),  # when a waiting run may go on
    _time("since", null=True),  # when it came to its state and step
    UniqueConstraint("plan_digest", "fingerprint"),
    Index(None, "fingerprint"),
    Index(None, "state"),
)

claims = Table(  # who may act on a credential now; the fence only grows
    "claims",
    metadata,
    _text("fingerprint", key=True),
    _text("run_id"),
    _text("owner"),
    Column("fence", BigInteger, nullable=False),
    _time("until"),
)

journal = Table(
    "journal",
    metadata,
    _id(),
    _text("run_id", ForeignKey("runs.id")),
    _text("step"),
    _text("phase"),
    Column("fence", BigInteger),
    _text("data"),
    _time("at"),
    Index(None, "run_id"),
)

orphans = Table(
    "orphans",
    metadata,
    _id(),
    _text("provider"),
    _text("target"),
    _text("fingerprint"),
    _text("run_id"),
    _text("why"),
    _time("at"),
    _time("resolved_at", null=True),
    _text("resolved_why", null=True),
    UniqueConstraint("provider", "target", "run_id"),
)

homes = Table(  # where in Vault a leaked value stands, as `vault find` saw it; never the value
    "homes",
    metadata,
    _id(),
    _credential(),
    _text("path"),
    _text("field"),
    _text("part"),
    _number("engine"),
    _text("versions"),
    _number("newest"),
    _text("how"),
    _time("at"),
    UniqueConstraint("credential_id", "path", "field", "part"),
)

canary_overrides = Table(  # a person's word that this bait may be asked and changed all the same
    "canary_overrides",
    metadata,
    _id(),
    _credential(),
    _text("who"),
    _text("why"),
    _text("signed_by", null=True),
    _time("at"),
    _time("until"),
    _time("ended_at", null=True),
    Index(None, "credential_id"),
)

events = Table(
    "events",
    metadata,
    _id(),
    _text("kind"),
    _text("payload"),
    _time("at"),
    _number("attempts"),
    _time("delivered_at", null=True),
    Index(None, "delivered_at"),
)

switches = Table("switches", metadata, _text("name", key=True), _number("on"), _text("who"), _time("at"))

mutations = Table("mutations", metadata, _id(), _text("provider"), _time("at"), Index(None, "provider", "at"))

workers = Table(  # executors on PostgreSQL; each process has a name of its own
    "workers", metadata, _text("name", key=True), _time("started_at"), _time("seen_at"), _time("ended_at", null=True)
)

budgets = Table(  # how fast all workers together change a provider: one row for each kind
    "budgets", metadata, _text("provider", key=True), _text("kind", key=True), _time("next_at")
)

calls = Table(  # the changes that are under way; one of a dead worker ends by itself
    "calls", metadata, _id(), _text("provider"), _text("kind"), _time("until"), Index(None, "provider", "kind")
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    _time("at"),
    _text("event"),
    _text("data", null=True),  # null: erased on record
    _text("hash"),
    _text("mac"),
    _text("salt", null=True),
    _text("digest", null=True),  # null: an entry of the first version, whose hash covers the data itself
)
