"""Lessons, their words, their evidence and their uses."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _lesson()
    op.create_table(
        "lesson_term",
        sa.Column("lesson_id", IDENTITY, nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lesson.id"], name=op.f("fk_lesson_term_lesson_id")),
        sa.PrimaryKeyConstraint("lesson_id", "term", name=op.f("pk_lesson_term")),
    )
    op.create_index(op.f("ix_lesson_term_namespace_term"), "lesson_term", ["namespace", "term"])
    op.create_table(
        "lesson_evidence",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("lesson_id", IDENTITY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("bead_uid", sa.String(), nullable=True),
        sa.Column("bead", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("iteration", sa.Integer(), nullable=True),
        sa.Column("report_id", sa.String(), nullable=True),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lesson.id"], name=op.f("fk_lesson_evidence_lesson_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_evidence")),
    )
    op.create_index(op.f("ix_lesson_evidence_lesson_id_id"), "lesson_evidence", ["lesson_id", "id"])
    _use()


def _lesson() -> None:
    op.create_table(
        "lesson",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("paths", sa.JSON(), nullable=False),
        sa.Column("capabilities", sa.JSON(), nullable=False),
        sa.Column("failure_classes", sa.JSON(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("endorsed_by", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("retired_reason", sa.Text(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("contradicted", sa.Integer(), nullable=False),
        sa.Column("successes", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson")),
        sa.UniqueConstraint("namespace", "key", name=op.f("uq_lesson_namespace_key")),
    )
    op.create_index(op.f("ix_lesson_namespace_state_id"), "lesson", ["namespace", "state", "id"])


def _use() -> None:
    op.create_table(
        "lesson_use",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("lesson_id", IDENTITY, nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("bead_uid", sa.String(), nullable=False),
        sa.Column("bead", sa.String(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("success", sa.Boolean(), nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["lesson_id"], ["lesson.id"], name=op.f("fk_lesson_use_lesson_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_use")),
        sa.UniqueConstraint(
            "lesson_id", "bead_uid", "fence", name=op.f("uq_lesson_use_lesson_id_bead_uid_fence")
        ),
    )
    op.create_index(op.f("ix_lesson_use_bead_uid_fence"), "lesson_use", ["bead_uid", "fence"])
    op.create_index(op.f("ix_lesson_use_namespace_at"), "lesson_use", ["namespace", "at"])
