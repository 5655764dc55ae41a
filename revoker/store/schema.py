"""The tables. Times are whole microseconds since 1970 (UTC), documents are JSON text, and secrets are sealed blobs.

A change here needs a new migration in migrations/versions and a new HEAD; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, UniqueConstraint

from revoker.store.columns import Id, credential_id, number, place, row_id, text, time

HEAD = "0008"  # the revision of this schema; compared with the alembic_version row without importing Alembic

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)

meta = Table("meta", metadata, text("name", key=True), text("value"))

incidents = Table("incidents", metadata, text("id", key=True), text("title"), time("created_at"), time("closed_at", null=True))

attestations = Table(
    "attestations",
    metadata,
    row_id(),
    text("incident_id", ForeignKey("incidents.id")),
    text("who"),
    text("why"),
    time("until"),
    time("at"),
    text("signed_by", null=True),
    text("signature", null=True),
    Index(None, "incident_id"),
)

credentials = Table(
    "credentials",
    metadata,
    row_id(),
    text("fingerprint"),
    text("kind"),
    text("provider"),
    text("status"),
    text("validity", null=True),
    text("reason"),
    text("parts"),
    text("identity", null=True),
    text("incident_id", ForeignKey("incidents.id")),
    text("value_state"),
    time("ingested_at"),
    time("detected_at", null=True),
    time("live_at", null=True),
    time("contained_at", null=True),
    time("acked_at", null=True),
    time("refused_at", null=True),
    time("last_refused_at", null=True),
    number("refusals"),
    time("dead_at", null=True),
    time("checked_at", null=True),
    time("next_check_at", null=True),
    time("residual_until", null=True),
    text("accepted_by", null=True),
    text("accepted_why", null=True),
    number("excluded"),
    number("unknowns"),
    UniqueConstraint("fingerprint"),
    Index(None, "next_check_at"),
    Index(None, "status"),
)

memberships = Table("memberships", metadata, text("incident_id", ForeignKey("incidents.id"), key=True), credential_id(key=True))

sealed_values = Table(
    "sealed_values", metadata, credential_id(key=True), number("key_version"), Column("blob", LargeBinary, nullable=False)
)

tallies = Table("tallies", metadata, credential_id(key=True), number("findings"))  # small, so that a long ingest rewrites little

findings = Table("findings", metadata, row_id(), credential_id(), *place(), UniqueConstraint("credential_id", "place"))

valueless = Table(  # findings whose report held no usable value: masked, hashed, absent
    "valueless",
    metadata,
    row_id(),
    text("incident_id", ForeignKey("incidents.id")),
    text("value_state"),
    *place(),
    UniqueConstraint("incident_id", "place"),
)

verdicts = Table(
    "verdicts",
    metadata,
    row_id(),
    credential_id(),
    time("at"),
    text("validity"),
    text("reason"),
    text("host", null=True),
    Column("http_status", Integer),
    text("code", null=True),
    time("seen_at", null=True),
    text("identity", null=True),
    Index(None, "credential_id"),
)

plans = Table("plans", metadata, text("digest", key=True), text("document"), time("created_at"))

approvals = Table(
    "approvals",
    metadata,
    row_id(),
    text("plan_digest", ForeignKey("plans.digest")),
    text("approver"),
    text("signature"),
    text("nonce"),
    time("signed_at"),
    time("expires_at"),
    time("consumed_at", null=True),
    text("run_group", null=True),
    text("emergency", null=True),  # why one person's yes was to be enough
    UniqueConstraint("nonce"),
    Index(None, "plan_digest"),
)

runs = Table(
    "runs",
    metadata,
    text("id", key=True),
    text("plan_digest", ForeignKey("plans.digest")),
    text("fingerprint", ForeignKey("credentials.fingerprint")),
    text("playbook"),
    text("state"),
    text("step"),
    text("message"),
    time("created_at"),
    time("updated_at"),
    time("ended_at", null=True),
    Column("priority", Integer, nullable=False, server_default="3"),  # the lowest goes first
    text("worker", null=True),  # the executor that has it now
    time("due_at", null=True),  # when a waiting run may go on
    time("since", null=True),  # when it came to its state and step
    UniqueConstraint("plan_digest", "fingerprint"),
    Index(None, "fingerprint"),
    Index(None, "state"),
)

claims = Table(  # who may act on a credential now; the fence only grows
    "claims",
    metadata,
    text("fingerprint", key=True),
    text("run_id"),
    text("owner"),
    Column("fence", BigInteger, nullable=False),
    time("until"),
)

journal = Table(
    "journal",
    metadata,
    row_id(),
    text("run_id", ForeignKey("runs.id")),
    text("step"),
    text("phase"),
    Column("fence", BigInteger),
    text("data"),
    time("at"),
    Index(None, "run_id"),
)

orphans = Table(
    "orphans",
    metadata,
    row_id(),
    text("provider"),
    text("target"),
    text("fingerprint"),
    text("run_id"),
    text("why"),
    time("at"),
    time("resolved_at", null=True),
    text("resolved_why", null=True),
    UniqueConstraint("provider", "target", "run_id"),
)

homes = Table(  # where in Vault a leaked value stands, as `vault find` saw it; never the value
    "homes",
    metadata,
    row_id(),
    credential_id(),
    text("path"),
    text("field"),
    text("part"),
    number("engine"),
    text("versions"),
    number("newest"),
    text("how"),
    time("at"),
    UniqueConstraint("credential_id", "path", "field", "part"),
)

canary_overrides = Table(  # a person's word that this bait may be asked and changed all the same
    "canary_overrides",
    metadata,
    row_id(),
    credential_id(),
    text("who"),
    text("why"),
    text("signed_by", null=True),
    text("signature", null=True),
    time("at"),
    time("until"),
    time("ended_at", null=True),
    Index(None, "credential_id"),
)

owned = Table(  # what the operator's own API showed to be the operator's
    "owned",
    metadata,
    credential_id(key=True),
    text("how"),
    text("account", null=True),
    time("at"),
)

events = Table(
    "events",
    metadata,
    row_id(),
    text("kind"),
    text("payload"),
    time("at"),
    number("attempts"),
    time("delivered_at", null=True),
    Index(None, "delivered_at"),
)

switches = Table("switches", metadata, text("name", key=True), number("on"), text("who"), time("at"))

mutations = Table("mutations", metadata, row_id(), text("provider"), time("at"), Index(None, "provider", "at"))

workers = Table(  # executors on PostgreSQL; each process has a name of its own
    "workers", metadata, text("name", key=True), time("started_at"), time("seen_at"), time("ended_at", null=True)
)

budgets = Table(  # how fast all workers together change a provider: one row for each kind
    "budgets", metadata, text("provider", key=True), text("kind", key=True), time("next_at")
)

calls = Table(  # the changes that are under way; one of a dead worker ends by itself
    "calls", metadata, row_id(), text("provider"), text("kind"), time("until"), Index(None, "provider", "kind")
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    time("at"),
    text("event"),
    text("data", null=True),  # null: erased on record
    text("hash"),
    text("mac"),
    text("salt", null=True),
    text("digest", null=True),  # null: an entry of the first version, whose hash covers the data itself
)
