"""Records of iterations."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "record",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("iteration_id", IDENTITY, nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["iteration_id"], ["iteration.id"], name=op.f("fk_record_iteration_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
        sa.UniqueConstraint("iteration_id", "kind", name=op.f("uq_record_iteration_id_kind")),
    )
    op.create_index(op.f("ix_record_at"), "record", ["at"])
    op.create_index(op.f("ix_record_namespace_id_stored"), "record", ["namespace", "id", "stored"])
