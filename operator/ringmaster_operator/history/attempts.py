"""Writes of attempts: a claim's beginning, and what each of its reports makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Update, bindparam, case, func, update
from sqlmodel import Session

from ringmaster_operator.history.prepared import Insert, Prepared, columns, table
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


_KNOWN = tuple(_C[name] for name in Attempt._fields)


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
_UNSEEN = Prepared(lambda insert: insert(_ATTEMPT), gives=columns(_ATTEMPT))
_BLANK: dict[str, Any] = dict.fromkeys(columns(_ATTEMPT)) | {"summary": "", "counted": True}


def _reported(**more: Any) -> Update:
    """A report of the attempt names its branch and commit anew, or leaves them."""
    here = {"branch": func.coalesce(bindparam("to_branch", type_=_C.branch.type), _C.branch)}
    here["commit"] = func.coalesce(bindparam("to_commit", type_=_C.commit.type), _C.commit)
    chosen = update(_ATTEMPT).where(_C.bead_uid == bindparam("uid"), _C.fence == bindparam("of_fence"))
    return chosen.values(**here, **more).returning(*_KNOWN)


def _to(*names: str) -> dict[str, Any]:
    return {name: bindparam(f"to_{name}", type_=_C[name].type) for name in names}


_ENDS = ("ended_at", "kind", "confidence", "reason", "summary", "counted")
_STAY = Prepared(lambda _: _reported())
_GO_ON = Prepared(lambda _: _reported(**_to("iteration", "granted_usd", "granted_tokens")))
_END = Prepared(lambda _: _reported(**_to(*_ENDS)).where(_C.ended_at.is_(None)))


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


def unseen_attempt(db: Session, *, known: Mapping[str, Any]) -> None:
    """An attempt that only its report tells of: the operator died between granting and recording it."""
    nobody = {"worker": "", "session": "", "profile": "", "attempt": 0}
    _UNSEEN.run(db, _BLANK | nobody | dict(known))


def reported(
    db: Session,
    *,
    bead_uid: str,
    fence: int,
    branch: str | None,
    commit: str | None,
    goes_on: Mapping[str, Any] | None = None,
    ends: Mapping[str, Any] | None = None,
) -> Attempt | None:
    """Keep what a report says of its attempt; None when there is no such attempt.

    goes_on is what the next iteration begins with, ends how the attempt ended. One that has ended already
    stays as it ended.
    """
    values = {"uid": bead_uid, "of_fence": fence, "to_branch": branch or None, "to_commit": commit or None}
    row = None
    if goes_on is not None:
        row = _GO_ON.run(db, values | _named(goes_on)).first()
    elif ends is not None:
        row = _END.run(db, values | _named(ends)).first()
    row = row or _STAY.run(db, values).first()
    return None if row is None else Attempt._make(row)


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"to_{name}": value for name, value in values.items()}
