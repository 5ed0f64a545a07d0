"""What every report cost, and whom it counts for, in one row: what budgets are added up from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FILL = """
INSERT INTO spending
  (source, claim_id, bead_uid, namespace, bead, worker, requested_by, labels, usd, tokens, at)
SELECT i.report_id, a.claim_id, i.bead_uid, i.namespace, a.bead, i.worker, '', '',
  i.lump_usd + coalesce(
    (SELECT sum(coalesce(u.computed_usd, u.reported_usd, 0)) FROM usage u WHERE u.iteration_id = i.id), 0),
  coalesce((SELECT sum(u.input_tokens + u.output_tokens) FROM usage u WHERE u.iteration_id = i.id), 0),
  i.at
FROM iteration i JOIN attempt a ON a.id = i.attempt_id
"""


def upgrade() -> None:
    op.create_table(
        "spending",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.String(), nullable=False),
        sa.Column("bead_uid", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("bead", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spending")),
        sa.UniqueConstraint("source", name=op.f("uq_spending_source")),
    )
    op.create_index(op.f("ix_spending_at"), "spending", ["at"])
    op.create_index(op.f("ix_spending_claim_id"), "spending", ["claim_id"])
    op.create_index(op.f("ix_spending_namespace_at"), "spending", ["namespace", "at"])
    op.execute(FILL)
