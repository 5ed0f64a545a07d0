"""What costs are added up from, filled from what there is; what usage rows lacked to be priced again."""

import json
import re
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Specs = dict[tuple[str, str], dict[str, Any]]
WITHOUT_PRICE = "computed_usd IS NULL AND reported_usd IS NULL"
COUNTS = (
    "tokens",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "requests",
    "unpriced_requests",
)
MONEY = ("usd", "agent_usd", "compared_usd", "seconds", "infrastructure_usd")
WORKS = """
INSERT INTO cost_work (claim_id, bead_uid, namespace, bead, worker, profile, requested_by, repository, epic)
SELECT s.claim_id, min(s.bead_uid), min(s.namespace), min(s.bead), min(s.worker),
  coalesce(min(a.profile), ''), max(s.requested_by), '', ''
FROM spending s LEFT JOIN attempt a ON a.claim_id = s.claim_id GROUP BY s.claim_id
"""
MODELS = """
UPDATE iteration SET
  provider = coalesce((SELECT u.provider FROM usage u WHERE u.iteration_id = iteration.id
    ORDER BY u.input_tokens + u.output_tokens DESC, u.id LIMIT 1), ''),
  model = coalesce((SELECT u.model FROM usage u WHERE u.iteration_id = iteration.id
    ORDER BY u.input_tokens + u.output_tokens DESC, u.id LIMIT 1),
    (SELECT a.model FROM attempt a WHERE a.id = iteration.attempt_id), '')
"""
USES = f"""
INSERT INTO cost_use (work_id, day, provider, model, namespace, {", ".join(COUNTS + MONEY)})
SELECT work_id, day, provider, model, min(namespace), {", ".join(f"sum({name})" for name in COUNTS + MONEY)}
FROM (
  SELECT w.id AS work_id, DAY(u.at) AS day, u.provider, u.model, u.namespace,
    u.input_tokens + u.output_tokens AS tokens, u.input_tokens, u.cache_read_tokens, u.cache_write_tokens,
    u.output_tokens, u.reasoning_tokens, u.requests,
    CASE WHEN {WITHOUT_PRICE.replace("computed", "u.computed").replace("reported", "u.reported")}
      THEN u.requests ELSE 0 END AS unpriced_requests,
    coalesce(u.computed_usd, u.reported_usd, 0) AS usd, 0.0 AS agent_usd, 0.0 AS compared_usd,
    0.0 AS seconds, 0.0 AS infrastructure_usd
  FROM usage u JOIN attempt a ON a.id = u.attempt_id JOIN cost_work w ON w.claim_id = a.claim_id
  UNION ALL
  SELECT w.id, DAY(i.at), i.provider, i.model, i.namespace, 0, 0, 0, 0, 0, 0, 0, 0, i.lump_usd, 0.0, 0.0,
    SECONDS(i), 0.0
  FROM iteration i JOIN attempt a ON a.id = i.attempt_id JOIN cost_work w ON w.claim_id = a.claim_id
  UNION ALL
  SELECT w.id, DAY(s.at), '', '', s.namespace, s.tokens, 0, 0, 0, 0, 0, 0, 0, s.usd, 0.0, 0.0, 0.0, 0.0
  FROM spending s JOIN cost_work w ON w.claim_id = s.claim_id
  WHERE s.source NOT IN (SELECT report_id FROM iteration)
) found GROUP BY work_id, day, provider, model
"""  # noqa: S608 - made of constants


def upgrade() -> None:
    _columns()
    _tables()
    _fill(op.get_bind())


def _columns() -> None:
    op.add_column("usage", sa.Column("cache_write_hour_tokens", sa.BigInteger(), nullable=True))
    op.add_column("usage", sa.Column("priced_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE usage SET priced_at = at WHERE computed_usd IS NOT NULL")
    op.create_index(
        op.f("ix_usage_namespace_provider_model_id"),
        "usage",
        ["namespace", "provider", "model", "id"],
        sqlite_where=sa.text(WITHOUT_PRICE),
        postgresql_where=sa.text(WITHOUT_PRICE),
    )
    for name in ("provider", "model"):
        op.add_column("iteration", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("iteration", sa.Column("compared_usd", sa.Float(), nullable=True))
    op.add_column(
        "iteration", sa.Column("infrastructure_usd", sa.Float(), nullable=False, server_default="0")
    )


def _tables() -> None:
    op.create_table(
        "cost_work",
        sa.Column("id", IDENTITY, nullable=False),
        sa.Column("claim_id", sa.String(), nullable=False),
        sa.Column("bead_uid", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("bead", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("epic", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_work")),
        sa.UniqueConstraint("claim_id", name=op.f("uq_cost_work_claim_id")),
    )
    op.create_index(op.f("ix_cost_work_namespace_bead"), "cost_work", ["namespace", "bead"])
    op.create_table(
        "cost_tag",
        sa.Column("work_id", IDENTITY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["work_id"], ["cost_work.id"], name=op.f("fk_cost_tag_work_id")),
        sa.PrimaryKeyConstraint("work_id", "kind", "name", "value", name=op.f("pk_cost_tag")),
    )
    op.create_index(op.f("ix_cost_tag_kind_value"), "cost_tag", ["kind", "value"])
    op.create_table(
        "cost_use",
        sa.Column("work_id", IDENTITY, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        *(sa.Column(name, sa.Float(), nullable=False) for name in MONEY),
        sa.ForeignKeyConstraint(["work_id"], ["cost_work.id"], name=op.f("fk_cost_use_work_id")),
        sa.PrimaryKeyConstraint("work_id", "day", "provider", "model", name=op.f("pk_cost_use")),
    )
    op.create_index(op.f("ix_cost_use_namespace_day"), "cost_use", ["namespace", "day"])


def _fill(connection: sa.Connection) -> None:
    """Labels are those of the time, from the books; the rest is what the beads say today."""
    connection.execute(sa.text(WORKS))
    connection.execute(sa.text(MODELS))
    connection.execute(sa.text(uses(connection.dialect.name)))
    _tags(connection)


def uses(dialect: str) -> str:
    """The statement that adds up, in the database's own words."""
    if dialect == "sqlite":
        seconds = "max(0.0, (julianday(i.finished_at) - julianday(i.started_at)) * 86400.0)"
        return USES.replace("DAY(", "date(").replace("SECONDS(i)", seconds)
    seconds = "greatest(0.0, extract(epoch FROM i.finished_at - i.started_at)::float)"
    days = re.sub(r"DAY\((\w+\.at)\)", r"(\1 AT TIME ZONE 'UTC')::date", USES)
    return days.replace("SECONDS(i)", seconds)


def _tags(connection: sa.Connection) -> None:
    beads = {
        row.uid: (row.name, row.namespace, json.loads(row.spec) if isinstance(row.spec, str) else row.spec)
        for row in connection.execute(sa.text("SELECT uid, name, namespace, spec FROM bead"))
    }
    by_name = {(namespace, name): spec for name, namespace, spec in beads.values()}
    booked = connection.execute(sa.text("SELECT claim_id, max(labels) FROM spending GROUP BY claim_id"))
    labels: dict[str, str] = {row[0]: row[1] for row in booked}
    tags = []
    for work in connection.execute(sa.text("SELECT id, claim_id, bead_uid FROM cost_work")).all():
        pairs = dict(line.partition("=")[::2] for line in labels[work.claim_id].splitlines())
        tags += [(work.id, "label", key, value, 1.0) for key, value in pairs.items()]
        name, namespace, spec = beads.get(work.bead_uid, ("", "", {}))
        skills = sorted(set(spec.get("capabilities", [])))
        tags += [(work.id, "capability", "", skill, 1 / len(skills)) for skill in skills]
        parents = _parents(by_name, namespace, name, spec)
        tags += [(work.id, "parent", "", parent, 1.0) for parent in parents]
        own = name if spec.get("type") == "epic" else ""
        connection.execute(
            sa.text("UPDATE cost_work SET epic = :epic, repository = :repository WHERE id = :id"),
            {
                "id": work.id,
                "epic": parents[-1] if parents else own,
                "repository": spec.get("repository", {}).get("url", ""),
            },
        )
    if tags:
        words = "INSERT INTO cost_tag (work_id, kind, name, value, share) VALUES (:w, :k, :n, :v, :s)"
        connection.execute(sa.text(words), [dict(zip("wknvs", tag, strict=True)) for tag in tags])


def _parents(specs: Specs, namespace: str, name: str, spec: dict[str, Any]) -> list[str]:
    found: list[str] = []
    above = spec.get("parent")
    while above and above not in (name, *found):
        found.append(above)
        above = specs.get((namespace, above), {}).get("parent")
    return found
