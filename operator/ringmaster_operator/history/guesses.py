"""Failed attempts to sign in, which a restart must not forget: one row for each account and address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, delete, select

from ringmaster_operator.history.user_records import Failures
from ringmaster_operator.history.user_tables import SignInFailureRow


def keep_failures(db: Session, *, found: Sequence[Failures], gone: Sequence[str], expired: datetime) -> None:
    """Keep these in place of what was kept of them; forget those of the digests `gone`, and old ones."""
    dropped = {*gone, *(item.digest for item in found if item.count <= 0)}
    if dropped:
        db.exec(delete(SignInFailureRow).where(col(SignInFailureRow.digest).in_(dropped)))
    for item in found:
        if item.count > 0:
            db.merge(SignInFailureRow(**{name: getattr(item, name) for name in Failures.__slots__}))
    db.exec(delete(SignInFailureRow).where(col(SignInFailureRow.at) < expired))


def kept_failures(db: Session, *, since: datetime, limit: int) -> list[Failures]:
    """Those since then, the oldest first; the newest `limit` of them."""
    chosen = select(SignInFailureRow).where(SignInFailureRow.at >= since)
    rows = db.exec(chosen.order_by(col(SignInFailureRow.at).desc()).limit(limit)).all()
    return [Failures(**{name: getattr(row, name) for name in Failures.__slots__}) for row in reversed(rows)]
