"""What the operator's own API showed to be the operator's."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "owned",
        sa.Column(
            "credential_id",
            Id,
            sa.ForeignKey("credentials.id", name="fk_owned_credential_id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
