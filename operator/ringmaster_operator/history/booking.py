"""Booking: one row in the books for each report, and the same in the sums that costs are told from."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from ringmaster_operator.history.costs import Figures, Sums, bounded, post
from ringmaster_operator.history.prepared import Prepared, columns, table
from ringmaster_operator.history.spending import Account
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
    sums: Sums | None = None,
    now: datetime,
) -> bool:
    """Add a row, and the same to what costs are added up from; False when its source is booked already.

    sums are usd and tokens by model, where they are known.
    """
    row = {
        "source": source,
        "claim_id": claim_id,
        "bead_uid": bead_uid,
        "namespace": namespace,
        "bead": bead,
        "worker": worker,
        "requested_by": account.requested_by,
        "labels": "\n".join(f"{key}={value}" for key, value in sorted(account.labels)),
        "usd": usd,
        "tokens": tokens,
        "at": now,
    }
    if _BOOK.many(db, [row]) == 0:
        return False
    if sums is None:
        sums = Sums()
        sums.add(now.date(), "", "", Figures(usd=bounded(usd), tokens=tokens))
    post(
        db,
        sums,
        claim_id=claim_id,
        bead_uid=bead_uid,
        namespace=namespace,
        bead=bead,
        worker=worker,
        account=account,
    )
    return True
