"""What a claim used, added to the sums by model and day, in the same commit as what it is the sum of."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func
from sqlmodel import Session, select

from ringmaster_operator.history.columns import clean
from ringmaster_operator.history.cost_tables import CostTagRow, CostUseRow, CostWorkRow
from ringmaster_operator.history.prepared import Insert, Prepared, columns, table
from ringmaster_operator.history.spending import Account
from ringmaster_operator.history.tables import AttemptRow, UsageRow
from ringmaster_operator.resources.costs import bill_of, main_model, price_of, session_seconds
from ringmaster_operator.resources.protocol import ModelUsage, Usage


class Figures(NamedTuple):
    """What is added up. The names are those of the columns of CostUseRow, which explains them."""

    usd: float = 0.0
    tokens: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    requests: int = 0
    unpriced_requests: int = 0
    agent_usd: float = 0.0
    compared_usd: float = 0.0
    seconds: float = 0.0
    infrastructure_usd: float = 0.0

    def plus(self, other: Figures) -> Figures:
        return Figures._make(map(operator.add, self, other))

    def negative(self) -> Figures:
        return Figures._make(map(operator.neg, self))


NAMES = Figures._fields
MOST_USD = 1e9
Place = tuple[date, str, str]
"""Day, provider and model."""


class Sums:
    """What one write adds, by place."""

    def __init__(self) -> None:
        self.places: dict[Place, Figures] = {}

    def add(self, day: date, provider: str, model: str, figures: Figures) -> None:
        place = (day, clean(provider), clean(model))
        before = self.places.get(place)
        self.places[place] = figures if before is None else before.plus(figures)


def bounded(usd: float) -> float:
    """US dollars that any number of them can be added up: agents may tell 1e308, and sums stay numbers."""
    return max(-MOST_USD, min(usd, MOST_USD))


def figures_of(row: ModelUsage | UsageRow) -> Figures:
    """Of one reading."""
    usd = price_of(row)
    return Figures(
        usd=bounded(usd or 0.0),
        tokens=row.input_tokens + row.output_tokens,
        input_tokens=row.input_tokens,
        cache_read_tokens=row.cache_read_tokens,
        cache_write_tokens=row.cache_write_tokens,
        output_tokens=row.output_tokens,
        reasoning_tokens=row.reasoning_tokens,
        requests=row.requests,
        unpriced_requests=row.requests if usd is None else 0,
    )


def describe(
    iteration: dict[str, Any],
    usage: Usage,
    rows: Collection[ModelUsage],
    *,
    model: str,
    infrastructure_usd: float,
) -> None:
    """Set what an iteration keeps for its sums.

    `rows` are the usage's readings; `model` is the agent's, where its output names none.
    """
    total = bill_of(rows, usage.reported_usd)
    iteration["provider"], iteration["model"] = main_model(rows) or ("", model)
    iteration["lump_usd"] = total.lump_usd
    iteration["infrastructure_usd"] = infrastructure_usd
    ours = [row.computed_usd for row in usage.requests]
    told = usage.reported_usd is not None and ours and None not in ours
    iteration["compared_usd"] = total.usd if told else None


def of_iteration(iteration: Mapping[str, Any]) -> Figures:
    """What no single request carries."""
    compared = iteration["compared_usd"]
    return Figures(
        usd=bounded(iteration["lump_usd"]),
        agent_usd=0.0 if compared is None else bounded(iteration["reported_usd"] or 0.0),
        compared_usd=bounded(compared or 0.0),
        seconds=session_seconds(iteration["started_at"], iteration["finished_at"]),
        infrastructure_usd=iteration["infrastructure_usd"],
    )


_WORK, _TAG, _USE, _ATTEMPT = (table(row) for row in (CostWorkRow, CostTagRow, CostUseRow, AttemptRow))


def _described(insert: Insert) -> Any:
    claim = bindparam("of_claim", type_=_WORK.c.claim_id.type)
    profile = select(_ATTEMPT.c.profile).where(_ATTEMPT.c.claim_id == claim).scalar_subquery()
    given = insert(_WORK).values(profile=func.coalesce(profile, ""))
    return given.on_conflict_do_nothing(index_elements=["claim_id"]).returning(_WORK.c.id)


def _added(insert: Insert) -> Any:
    given = insert(_USE)
    sums = {name: _USE.c[name] + given.excluded[name] for name in NAMES}
    return given.on_conflict_do_update(index_elements=list(_USE.primary_key.columns), set_=sums)


_DESCRIBE = Prepared(_described, gives=columns(_WORK, without=("id", "profile")))
_DESCRIBED = Prepared(lambda insert: insert(_WORK), gives=columns(_WORK, without=()))
_TELL = Prepared(lambda insert: insert(_TAG), gives=columns(_TAG))
_ADD = Prepared(_added, gives=("work_id", "day", "provider", "model", "namespace", *NAMES))


@dataclass(slots=True)
class Claim:
    """What costs, and whom it counts for."""

    claim_id: str
    bead_uid: str
    namespace: str
    bead: str
    worker: str
    account: Account
    profile: str = ""


def post(db: Session, sums: Sums, claim: Claim) -> None:
    """Add to the rows of a claim; the claim is described by the first that is added."""
    fresh = _DESCRIBE.run(db, _description(claim) | {"of_claim": claim.claim_id}).first()
    if fresh is not None:
        work_id: int = fresh[0]
        if tags := list(_tags(work_id, claim.account)):
            _TELL.many(db, tags)
    else:
        work_id = db.exec(select(CostWorkRow.id).where(CostWorkRow.claim_id == claim.claim_id)).one()
    add(db, work_id, claim.namespace, sums)


def describe_claims(db: Session, claims: Sequence[tuple[int, Claim]]) -> None:
    """Describe claims that are not yet, by the keys that they are to have."""
    if claims:
        rows = [_description(claim) | {"id": key, "profile": claim.profile} for key, claim in claims]
        _DESCRIBED.many(db, rows)
    if tags := [tag for key, claim in claims for tag in _tags(key, claim.account)]:
        _TELL.many(db, tags)


def _description(claim: Claim) -> dict[str, Any]:
    return {
        "claim_id": claim.claim_id,
        "bead_uid": claim.bead_uid,
        "namespace": claim.namespace,
        "bead": claim.bead,
        "worker": claim.worker,
        "requested_by": claim.account.requested_by,
        "repository": claim.account.repository,
        "epic": claim.account.epic,
    }


def add(db: Session, work_id: int, namespace: str, sums: Sums) -> None:
    """Add to the rows of a claim that is described already."""
    add_all(db, [(work_id, namespace, sums)])


def add_all(db: Session, what: Iterable[tuple[int, str, Sums]]) -> None:
    """The same for claims by their keys and namespaces."""
    rows = [
        (work_id, day, provider, model, namespace, *figures)
        for work_id, namespace, sums in what
        for (day, provider, model), figures in sums.places.items()
    ]
    if rows:
        _ADD.add(db, rows)


def _tags(work_id: int, account: Account) -> Iterable[dict[str, Any]]:
    def tag(kind: str, value: str, name: str = "", share: float = 1.0) -> dict[str, Any]:
        return {"work_id": work_id, "kind": kind, "name": name, "value": value, "share": share}

    if account.labels:
        for key, value in sorted(dict(account.labels).items()):
            yield tag("label", value, key)
    skills = sorted(set(account.capabilities)) if account.capabilities else ()
    for skill in skills:
        yield tag("capability", skill, share=1 / len(skills))
    for parent in dict.fromkeys(account.parents):
        yield tag("parent", parent)
