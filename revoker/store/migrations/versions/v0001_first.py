"""The first schema."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    _make_audit_log_and_incidents()
    _make_meta_and_plans()
    _make_switches_and_attestations()
    _make_credentials()
    _make_valueless()
    _make_findings_and_memberships()
    _make_runs_and_tallies()
    _make_verdicts_and_journal()


def _place() -> list[sa.Column[Any]]:
    """Where a finding was, which two tables hold."""
    return [
        sa.Column("place", sa.LargeBinary(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("line", sa.BigInteger(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("commit", "image", "layer", "repository", "reported")),
        sa.Column("found_at", sa.BigInteger(), nullable=True),
    ]


def _make_audit_log_and_incidents() -> None:
    op.create_table(
        "audit_log",
        sa.Column("seq", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_log")),
    )
    op.create_table(
        "claims",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_claims")),
    )
    op.create_table(
        "events",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_delivered_at"), "events", ["delivered_at"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )


def _make_meta_and_plans() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "mutations",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mutations")),
    )
    op.create_index(op.f("ix_mutations_provider_at"), "mutations", ["provider", "at"], unique=False)
    op.create_table(
        "orphans",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orphans")),
        sa.UniqueConstraint("provider", "target", "run_id", name=op.f("uq_orphans_provider_target_run_id")),
    )
    op.create_table(
        "plans",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_plans")),
    )


def _make_switches_and_attestations() -> None:
    op.create_table(
        "switches",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("on", sa.Integer(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_switches")),
    )
    op.create_table(
        "approvals",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("plan_digest", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("consumed_at", sa.BigInteger(), nullable=True),
        sa.Column("run_group", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["plan_digest"], ["plans.digest"], name=op.f("fk_approvals_plan_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint("nonce", name=op.f("uq_approvals_nonce")),
    )
    op.create_index(op.f("ix_approvals_plan_digest"), "approvals", ["plan_digest"], unique=False)
    op.create_table(
        "attestations",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("signed_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_attestations_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attestations")),
    )
    op.create_index(op.f("ix_attestations_incident_id"), "attestations", ["incident_id"], unique=False)


def _make_credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("validity", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("value_state", sa.Text(), nullable=False),
        sa.Column("ingested_at", sa.BigInteger(), nullable=False),
        sa.Column("detected_at", sa.BigInteger(), nullable=True),
        sa.Column("live_at", sa.BigInteger(), nullable=True),
        sa.Column("contained_at", sa.BigInteger(), nullable=True),
        sa.Column("acked_at", sa.BigInteger(), nullable=True),
        sa.Column("refused_at", sa.BigInteger(), nullable=True),
        sa.Column("last_refused_at", sa.BigInteger(), nullable=True),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("dead_at", sa.BigInteger(), nullable=True),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("next_check_at", sa.BigInteger(), nullable=True),
        sa.Column("residual_until", sa.BigInteger(), nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("accepted_why", sa.Text(), nullable=True),
        sa.Column("excluded", sa.Integer(), nullable=False),
        sa.Column("unknowns", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_credentials_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_credentials_fingerprint")),
    )
    op.create_index(op.f("ix_credentials_next_check_at"), "credentials", ["next_check_at"], unique=False)
    op.create_index(op.f("ix_credentials_status"), "credentials", ["status"], unique=False)


def _make_valueless() -> None:
    op.create_table(
        "valueless",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("value_state", sa.Text(), nullable=False),
        *_place(),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_valueless_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_valueless")),
        sa.UniqueConstraint("incident_id", "place", name=op.f("uq_valueless_incident_id_place")),
    )


def _make_findings_and_memberships() -> None:
    op.create_table(
        "findings",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("credential_id", ID, autoincrement=False, nullable=False),
        *_place(),
        sa.ForeignKeyConstraint(["credential_id"], ["credentials.id"], name=op.f("fk_findings_credential_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sa.UniqueConstraint("credential_id", "place", name=op.f("uq_findings_credential_id_place")),
    )
    op.create_table(
        "memberships",
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("credential_id", ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["credential_id"], ["credentials.id"], name=op.f("fk_memberships_credential_id")),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_memberships_incident_id")),
        sa.PrimaryKeyConstraint("incident_id", "credential_id", name=op.f("pk_memberships")),
    )


def _make_runs_and_tallies() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plan_digest", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("playbook", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["fingerprint"], ["credentials.fingerprint"], name=op.f("fk_runs_fingerprint")),
        sa.ForeignKeyConstraint(["plan_digest"], ["plans.digest"], name=op.f("fk_runs_plan_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("plan_digest", "fingerprint", name=op.f("uq_runs_plan_digest_fingerprint")),
    )
    op.create_index(op.f("ix_runs_fingerprint"), "runs", ["fingerprint"], unique=False)
    op.create_index(op.f("ix_runs_state"), "runs", ["state"], unique=False)
    op.create_table(
        "sealed_values",
        sa.Column("credential_id", ID, autoincrement=False, nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["credential_id"], ["credentials.id"], name=op.f("fk_sealed_values_credential_id")),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_sealed_values")),
    )
    op.create_table(
        "tallies",
        sa.Column("credential_id", ID, autoincrement=False, nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["credential_id"], ["credentials.id"], name=op.f("fk_tallies_credential_id")),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_tallies")),
    )


def _make_verdicts_and_journal() -> None:
    op.create_table(
        "verdicts",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("credential_id", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("validity", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["credential_id"], ["credentials.id"], name=op.f("fk_verdicts_credential_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
    )
    op.create_index(op.f("ix_verdicts_credential_id"), "verdicts", ["credential_id"], unique=False)
    op.create_table(
        "journal",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_journal_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
    )
    op.create_index(op.f("ix_journal_run_id"), "journal", ["run_id"], unique=False)
