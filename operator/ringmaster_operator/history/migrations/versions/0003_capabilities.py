"""What outcomes taught of the Workers' capabilities, and each change of it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SUBJECT = ("namespace", "worker", "profile", "model", "capability")


def upgrade() -> None:
    op.create_table(
        "capability",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("capability", sa.String(), nullable=False),
        sa.Column("successes", sa.Float(), nullable=False),
        sa.Column("failures", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("succeeded", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("recent", sa.String(), nullable=False),
        sa.Column("last_reset", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capability")),
        sa.UniqueConstraint(*SUBJECT, name=op.f("uq_capability_" + "_".join(SUBJECT))),
    )
    op.create_table(
        "capability_change",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("capability", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=True),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("override", sa.Float(), nullable=True),
        sa.Column("bead_uid", sa.String(), nullable=True),
        sa.Column("bead", sa.String(), nullable=True),
        sa.Column("report_id", sa.String(), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capability_change")),
    )
    op.create_index(
        op.f("ix_capability_change_namespace_capability_id"),
        "capability_change",
        ["namespace", "capability", "id"],
    )
