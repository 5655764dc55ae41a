"""Approvals that were given in an emergency keep their reason."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the reason."""
    op.add_column("approvals", sa.Column("emergency", sa.Text(), nullable=True))
