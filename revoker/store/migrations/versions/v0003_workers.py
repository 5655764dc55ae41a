"""Workers: which executor has a run, when it goes on, how urgent it is; budgets that all of them share."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns of runs, and the tables of workers and budgets."""
    op.add_column("runs", sa.Column("priority", sa.Integer(), nullable=False, server_default="3"))
    op.add_column("runs", sa.Column("worker", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("due_at", sa.BigInteger(), nullable=True))
    op.add_column("runs", sa.Column("since", sa.BigInteger(), nullable=True))
    op.execute("UPDATE runs SET since = updated_at")
    op.execute("UPDATE runs SET due_at = updated_at WHERE state = 'waiting'")  # a worker looks, and writes the true time
    op.create_table(
        "workers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_table(
        "budgets",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "kind", name=op.f("pk_budgets")),
    )
    op.create_table(
        "calls",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    op.create_index(op.f("ix_calls_provider_kind"), "calls", ["provider", "kind"], unique=False)
