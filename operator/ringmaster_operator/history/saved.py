"""Work that sessions left and no remote has: kept until the bead is done, or published after all."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, bindparam, delete
from sqlmodel import Field, Session

from ringmaster_operator.history.columns import UtcTime, Words
from ringmaster_operator.history.prepared import Prepared, table
from ringmaster_operator.history.tables import Table
from ringmaster_operator.resources.saved import SavedWork


class SavedWorkRow(Table, table=True):
    """The last such work of one bead."""

    __tablename__ = "saved_work"

    bead_uid: str = Field(primary_key=True)
    fence: int = Field(sa_type=BigInteger)
    branch: str
    commit: str
    bundle: str = Field(sa_type=Words)
    at: datetime = Field(sa_type=UtcTime)


_SAVED = table(SavedWorkRow)
_DROP = Prepared(lambda _: delete(_SAVED).where(_SAVED.c.bead_uid == bindparam("uid")))


def save_work(db: Session, *, bead_uid: str, fence: int, saved: SavedWork, now: datetime) -> None:
    """Keep it instead of what was kept before; what an older claim left late changes nothing."""
    row = db.get(SavedWorkRow, bead_uid)
    if row is not None and row.fence > fence:
        return
    if row is not None:
        db.delete(row)
        db.flush()
    db.add(SavedWorkRow(bead_uid=bead_uid, fence=fence, at=now, **saved.model_dump()))


def drop_work(db: Session, *, bead_uid: str) -> None:
    """Nobody needs it any more."""
    _DROP.run(db, {"uid": bead_uid})


def saved_work(db: Session, *, bead_uid: str, after_fence: int) -> SavedWork | None:
    """What the bead's claims after this fence left."""
    row = db.get(SavedWorkRow, bead_uid)
    if row is None or row.fence <= after_fence:
        return None
    return SavedWork(branch=row.branch, commit=row.commit, bundle=row.bundle)
