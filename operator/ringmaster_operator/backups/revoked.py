"""What the history that goes knows as taken away stays taken away in the one that is restored.

A backup holds tokens, sessions, users and roles as they were. Only what is certainly a loss of rights is
carried over: nobody gets a right by it, and what was given after it was taken stays given.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]
from sqlalchemy import URL, NullPool, create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from ringmaster_operator.backups.errors import BackupError
from ringmaster_operator.history import users
from ringmaster_operator.history.audit import record_audit
from ringmaster_operator.history.user_records import EVERYWHERE, Actor, Change
from ringmaster_operator.history.user_tables import (
    AccountRow,
    ApiTokenRow,
    AuditRow,
    RoleGrantRow,
    SignInRow,
)
from ringmaster_operator.resources.user_api import Role

ORDER = [role.value for role in Role]
"""Of roles, the least first."""


@dataclass(frozen=True)
class Revoked:
    """When what was taken away, in a history."""

    tokens: dict[str, datetime] = field(default_factory=dict)
    """By digest."""
    sessions: dict[str, datetime] = field(default_factory=dict)
    """By digest."""
    users: dict[str, datetime] = field(default_factory=dict)
    """Who was disabled, by name."""
    roles: dict[tuple[str, str], tuple[datetime, str | None]] = field(default_factory=dict)
    """By subject and namespace the role that was left when it was last changed; None: none."""


def place(path: Path) -> URL:
    """A SQLite file as an address."""
    return URL.create("sqlite", database=str(path))


def known(url: URL) -> Revoked:
    """What that history knows. One without users knows nothing. Raises BackupError."""
    with _open(url) as db:
        if not inspect(db.connection()).has_table(AuditRow.__tablename__):
            return Revoked()
        tokens = select(ApiTokenRow.digest, ApiTokenRow.revoked_at)
        sessions = select(SignInRow.digest, SignInRow.ended_at)
        accounts = select(AccountRow.name, AccountRow.disabled_at)
        return Revoked(
            tokens={key: at for key, at in db.exec(tokens) if at is not None},
            sessions={key: at for key, at in db.exec(sessions) if at is not None},
            users={key: at for key, at in db.exec(accounts) if at is not None},
            roles=_left(db),
        )


def carry(url: URL, revoked: Revoked, *, backup: str, now: datetime) -> str:
    """Take it away in the restored history as well; what it was, for people. Raises BackupError.

    The audit log of the restored history tells of the restore.
    """
    with _open(url) as db:
        counts = {
            "users": _disable(db, revoked.users),
            "tokens": _tokens(db, revoked.tokens),
            "sessions": _sessions(db, revoked.sessions),
            "roles": _roles(db, revoked.roles),
        }
        after = {"backup": backup, "takenAway": counts}
        change = Change(action="history.restore", kind="History", name="history", after=after)
        record_audit(db, actor=Actor(person="ringmaster restore"), change=change, now=now)
        db.commit()
    told = [f"{number} {what}" for what, number in counts.items() if number]
    return f"taken away again, as it was since the backup: {', '.join(told)}" if told else ""


@contextmanager
def _open(url: URL) -> Iterator[Session]:
    build = {"module": driver} if url.get_backend_name() == "sqlite" else {}
    engine = create_engine(url, poolclass=NullPool, **build)
    try:
        with Session(engine) as session:
            yield session
    except (SQLAlchemyError, ValueError) as error:
        words = " ".join(str(error).split())[:300]
        raise BackupError(f"what was revoked cannot be read or kept: {words}") from error
    finally:
        engine.dispose()


def _left(db: Session) -> dict[tuple[str, str], tuple[datetime, str | None]]:
    """From the audit log, where the last line about a role counts: a history without it never knew it."""
    lines = select(AuditRow).where(AuditRow.kind == "Role").order_by(col(AuditRow.id))
    found: dict[tuple[str, str], tuple[datetime, str | None]] = {}
    for line in db.exec(lines):
        role = None if line.after is None else str(line.after.get("role"))
        found[line.name, line.namespace or EVERYWHERE] = (line.at, role)
    return found


def _disable(db: Session, disabled: dict[str, datetime]) -> int:
    done = 0
    for row in db.exec(select(AccountRow).where(col(AccountRow.disabled_at).is_(None))).all():
        at = disabled.get(row.name)
        if at is None or _enabled_after(db, row.name, at):
            continue
        row.disabled_at = at
        users.end_all(db, account_id=row.id, now=at)
        done += 1
    return done


def _enabled_after(db: Session, name: str, at: datetime) -> bool:
    lines = select(AuditRow).where(AuditRow.kind == "User", AuditRow.name == name, col(AuditRow.at) > at)
    return any((line.after or {}).get("disabled") is False for line in db.exec(lines))


def _tokens(db: Session, revoked: dict[str, datetime]) -> int:
    good = db.exec(select(ApiTokenRow).where(col(ApiTokenRow.revoked_at).is_(None))).all()
    ending = [row for row in good if row.digest in revoked]
    for row in ending:
        row.revoked_at = revoked[row.digest]
    return len(ending)


def _sessions(db: Session, ended: dict[str, datetime]) -> int:
    good = db.exec(select(SignInRow).where(col(SignInRow.ended_at).is_(None))).all()
    ending = [row for row in good if row.digest in ended]
    for row in ending:
        row.ended_at = ended[row.digest]
    return len(ending)


def _roles(db: Session, left: dict[tuple[str, str], tuple[datetime, str | None]]) -> int:
    done = 0
    for row in db.exec(select(RoleGrantRow)).all():
        at, role = left.get((row.subject, row.namespace), (row.granted_at, row.role))
        if at < row.granted_at or role == row.role:
            continue
        if role is None:
            db.delete(row)
        elif role in ORDER and ORDER.index(role) < ORDER.index(row.role):
            row.role, row.granted_at = role, at
        else:
            continue
        done += 1
    return done
