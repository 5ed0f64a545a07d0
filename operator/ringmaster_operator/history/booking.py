"""Booking: one row in the books for each report, and the same in the sums that costs are told from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from ringmaster_operator.history.costs import Claim, Figures, Sums, add_all, bounded, describe_claims, post
from ringmaster_operator.history.errors import Apart
from ringmaster_operator.history.prepared import Prepared, columns, table
from ringmaster_operator.history.spending import Account, Labels
from ringmaster_operator.history.tables import SpendingRow

_SPENDING = table(SpendingRow)
_BOOK = Prepared(
    lambda insert: insert(_SPENDING).on_conflict_do_nothing(index_elements=["source"]),
    gives=columns(_SPENDING),
)


def book(
    db: Session,
    *,
    source: str,
    claim_id: str,
    bead_uid: str,
    namespace: str,
    bead: str,
    worker: str,
    account: Account,
    usd: float,
    tokens: int,
    now: datetime,
) -> bool:
    """Add a row, and the same to what costs are added up from; False when its source is booked already."""
    sums = Sums()
    sums.add(now.date(), "", "", Figures(usd=bounded(usd), tokens=tokens))
    claim = Claim(claim_id, bead_uid, namespace, bead, worker, account)
    if not _kept(db, [Entry(source, claim, usd, tokens, sums, now)]):
        return False
    post(db, sums, claim)
    return True


@dataclass(slots=True)
class Entry:
    """A row in the books."""

    source: str
    claim: Claim
    usd: float
    tokens: int
    sums: Sums
    """The same by model."""
    at: datetime
    work: int | None = None
    """The claim's row in the sums; None when it has none yet."""
    work_id: int = 0
    """The key of the one that it gets then."""


def book_reports(db: Session, entries: Sequence[Entry]) -> None:
    """Add rows of as many claims. Raises Apart when one of several is booked already."""
    if _kept(db, entries):
        describe_claims(db, [(each.work_id, each.claim) for each in entries if each.work is None])
        add_all(db, ((each.work or each.work_id, each.claim.namespace, each.sums) for each in entries))
    elif len(entries) > 1:
        raise Apart


def _kept(db: Session, entries: Sequence[Entry]) -> bool:
    """Whether all are in the books by this."""
    return _BOOK.many(db, [_row(each) for each in entries]) == len(entries)


def _row(entry: Entry) -> dict[str, Any]:
    claim = entry.claim
    return {
        "source": entry.source,
        "claim_id": claim.claim_id,
        "bead_uid": claim.bead_uid,
        "namespace": claim.namespace,
        "bead": claim.bead,
        "worker": claim.worker,
        "requested_by": claim.account.requested_by,
        "labels": _lines(claim.account.labels) if claim.account.labels else "",
        "usd": entry.usd,
        "tokens": entry.tokens,
        "at": entry.at,
    }


def _lines(labels: Labels) -> str:
    return "\n".join(f"{key}={value}" for key, value in sorted(labels))
