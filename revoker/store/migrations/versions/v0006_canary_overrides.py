"""Who let a canary be asked, why, and until when."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "canary_overrides",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("credential_id", Id, sa.ForeignKey("credentials.id", name="fk_canary_overrides_credential_id"), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("signed_by", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
    )
    op.create_index("ix_canary_overrides_credential_id", "canary_overrides", ["credential_id"])
