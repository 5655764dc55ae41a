"""Audit entries are chained by a digest of their content, so that a person's data can be erased from them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the digest and its salt; allow an entry without content."""
    with op.batch_alter_table("audit_log") as table:
        table.add_column(sa.Column("salt", sa.Text(), nullable=True))
        table.add_column(sa.Column("digest", sa.Text(), nullable=True))
        table.alter_column("data", existing_type=sa.Text(), nullable=True)
