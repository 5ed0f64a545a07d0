"""Writes of attempts: a claim's beginning, and what each of its reports makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Update, bindparam, case, func, update
from sqlmodel import Session, select

from ringmaster_operator.history.prepared import Insert, Prepared, Values, columns, table
from ringmaster_operator.history.tables import AttemptRow

_ATTEMPT = table(AttemptRow)
_C = _ATTEMPT.c


class Attempt(NamedTuple):
    """What its report's other rows need of an attempt."""

    id: int
    namespace: str
    bead_uid: str
    bead: str
    claim_id: str
    worker: str
    profile: str
    model: str | None


def _start(insert: Insert) -> Any:
    """Again for the same fence: what is known of it is filled in, never undone."""
    made = insert(_ATTEMPT)
    new = made.excluded
    changed: dict[str, Any] = {
        name: new[name] for name in ("claim_id", "worker", "session", "profile", "model", "attempt")
    }
    changed["iteration"] = case((new.iteration > _C.iteration, new.iteration), else_=_C.iteration)
    return made.on_conflict_do_update(index_elements=["bead_uid", "fence"], set_=changed)


_START = Prepared(_start, gives=columns(_ATTEMPT))
_UNSEEN = Prepared(lambda insert: insert(_ATTEMPT).returning(_C.id), gives=columns(_ATTEMPT))
_BLANK: dict[str, Any] = dict.fromkeys(columns(_ATTEMPT)) | {"summary": "", "counted": True}


@dataclass(slots=True)
class Told:
    """What a report says of its attempt."""

    id: int
    ended: bool
    """Whether it has ended already: then it stays as it ended."""
    branch: str | None
    commit: str | None
    goes_on: Values | None = None
    """What the next iteration begins with; each column's name after to_."""
    ends: Values | None = None
    """How the attempt ended; likewise."""


def _reported(*names: str) -> Update:
    """A report of the attempt names its branch and commit anew, or leaves them."""
    here: dict[str, Any] = {name: func.coalesce(_to(name), _C[name]) for name in ("branch", "commit")}
    here |= {name: _to(name) for name in names}
    return update(_ATTEMPT).where(_C.id == bindparam("its_id")).values(here)


def _to(name: str) -> BindParameter[Any]:
    return bindparam(f"to_{name}", type_=_C[name].type)


_ENDS = ("ended_at", "kind", "confidence", "reason", "summary", "counted")
_STAY = Prepared(lambda _: _reported())
_GO_ON = Prepared(lambda _: _reported("iteration", "granted_usd", "granted_tokens"))
_END = Prepared(lambda _: _reported(*_ENDS).where(_C.ended_at.is_(None)))


def start_attempt(
    db: Session,
    *,
    bead_uid: str,
    namespace: str,
    bead: str,
    fence: int,
    claim_id: str,
    worker: str,
    session: str,
    profile: str,
    model: str | None,
    attempt: int,
    iteration: int,
    granted: tuple[float, int] | None = None,
    now: datetime,
) -> None:
    """Record a granted claim. Again for the same fence: what is known of it is filled in, never undone."""
    usd, tokens = granted or (None, None)
    given = {
        "bead_uid": bead_uid,
        "fence": fence,
        "namespace": namespace,
        "bead": bead,
        "claim_id": claim_id,
        "worker": worker,
        "session": session,
        "profile": profile,
        "model": model,
        "attempt": attempt,
        "iteration": iteration,
        "granted_usd": usd,
        "granted_tokens": tokens,
        "started_at": now,
    }
    _START.run(db, _BLANK | given)


def known_claim(db: Session, claim_id: str) -> bool:
    """Whether an attempt was made under this id, on whichever bead."""
    return db.exec(select(AttemptRow.id).where(AttemptRow.claim_id == claim_id)).first() is not None


def unseen_attempt(db: Session, *, known: Mapping[str, Any]) -> Attempt:
    """An attempt that only its report tells of: the operator died between granting and recording it."""
    values = _BLANK | {"worker": "", "session": "", "profile": "", "attempt": 0} | dict(known)
    made = {"id": _UNSEEN.run(db, values).scalar_one()} | values
    return Attempt(**{name: made[name] for name in Attempt._fields})


def reported(db: Session, told: Iterable[Told]) -> None:
    """Keep what reports say of as many attempts."""
    stay, go_on, end = list[Values](), list[Values](), list[Values]()
    for each in told:
        here = {"its_id": each.id, "to_branch": each.branch or None, "to_commit": each.commit or None}
        if each.goes_on is not None:
            go_on.append({**here, **each.goes_on})
        elif each.ends is not None and not each.ended:
            end.append({**here, **each.ends})
        elif each.branch or each.commit:
            stay.append(here)
    for statement, rows in ((_GO_ON, go_on), (_END, end), (_STAY, stay)):
        if rows:
            statement.many(db, rows)
