"""What the iteration that runs may use, kept over restarts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", sa.Column("granted_usd", sa.Float(), nullable=True))
    op.add_column("attempt", sa.Column("granted_tokens", sa.BigInteger(), nullable=True))
