"""The first schema.

Migrations name their types themselves, so that later changes of the models leave them alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _attempt()
    _bead()
    _event()
    _report()
    _session()
    _iteration()
    _usage()


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("bead_uid", sa.String(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("bead", sa.String(), nullable=False),
        sa.Column("claim_id", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("bead_uid", "fence", name=op.f("uq_attempt_bead_uid_fence")),
        sa.UniqueConstraint("claim_id", name=op.f("uq_attempt_claim_id")),
    )
    op.create_index(op.f("ix_attempt_ended_at"), "attempt", ["ended_at"])
    op.create_index(op.f("ix_attempt_namespace_started_at"), "attempt", ["namespace", "started_at"])


def _bead() -> None:
    op.create_table(
        "bead",
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=True),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("status", sa.JSON(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_bead")),
    )
    op.create_index(op.f("ix_bead_namespace_name"), "bead", ["namespace", "name"])


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_namespace_at"), "event", ["namespace", "at"])
    op.create_index(op.f("ix_event_uid_id"), "event", ["uid", "id"])


def _report() -> None:
    op.create_table(
        "report",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("report_id", sa.String(), nullable=False),
        sa.Column("claim_id", sa.String(), nullable=False),
        sa.Column("bead_uid", sa.String(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("bead", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("report_id", name=op.f("uq_report_report_id")),
    )
    op.create_index(op.f("ix_report_applied_id"), "report", ["applied", "id"])
    op.create_index(op.f("ix_report_bead_uid"), "report", ["bead_uid"])


def _session() -> None:
    op.create_table(
        "session",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("next_start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("namespace", "worker", "name", name=op.f("uq_session_namespace_worker_name")),
    )


def _iteration() -> None:
    op.create_table(
        "iteration",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("attempt_id", IDENTITY, nullable=False),
        sa.Column("report_id", sa.String(), nullable=False),
        sa.Column("bead_uid", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.Column("exit_code", sa.BigInteger(), nullable=True),
        sa.Column("verify", sa.JSON(), nullable=False),
        sa.Column("reflexion", sa.JSON(), nullable=True),
        sa.Column("final_text", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("agent_session", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_usd", sa.Float(), nullable=True),
        sa.Column("lump_usd", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_iteration_attempt_id")),
        sa.ForeignKeyConstraint(["report_id"], ["report.report_id"], name=op.f("fk_iteration_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_iteration")),
        sa.UniqueConstraint("report_id", name=op.f("uq_iteration_report_id")),
    )
    op.create_index(op.f("ix_iteration_attempt_id"), "iteration", ["attempt_id"])
    op.create_index(op.f("ix_iteration_bead_uid_id"), "iteration", ["bead_uid", "id"])
    op.create_index(op.f("ix_iteration_namespace_at"), "iteration", ["namespace", "at"])


def _usage() -> None:
    op.create_table(
        "usage",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("attempt_id", IDENTITY, nullable=False),
        sa.Column("iteration_id", IDENTITY, nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_read_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("computed_usd", sa.Float(), nullable=True),
        sa.Column("reported_usd", sa.Float(), nullable=True),
        sa.Column("price_version", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_usage_attempt_id")),
        sa.ForeignKeyConstraint(["iteration_id"], ["iteration.id"], name=op.f("fk_usage_iteration_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage")),
        sa.UniqueConstraint("attempt_id", "position", name=op.f("uq_usage_attempt_id_position")),
    )
    op.create_index(op.f("ix_usage_iteration_id"), "usage", ["iteration_id"])
    op.create_index(op.f("ix_usage_namespace_at"), "usage", ["namespace", "at"])
