"""The signatures of attestations and of overrides for canaries."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of what was signed before, no signature was kept."""
    op.add_column("attestations", sa.Column("signature", sa.Text(), nullable=True))
    op.add_column("canary_overrides", sa.Column("signature", sa.Text(), nullable=True))
