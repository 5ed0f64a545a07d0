"""Reads and writes of accounts and of what they may do, as functions of a database session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from ringmaster_operator.history.errors import LastAdministrator, NameTaken
from ringmaster_operator.history.user_records import ADMIN, EVERYWHERE, Grant, User
from ringmaster_operator.history.user_tables import (
    AccountIdentityRow,
    AccountRow,
    ApiTokenRow,
    OneTimeCodeRow,
    RoleGrantRow,
    SignInRow,
)

FIRST_ADMIN = "first-admin"
"""Purpose of the code that makes the first administrator."""


def create_user(
    db: Session,
    *,
    name: str,
    display_name: str = "",
    password: str | None = None,
    groups: Sequence[str] = (),
    created_by: str = "",
    now: datetime,
) -> User:
    """Add one; `password` is encoded. Raises NameTaken."""
    if _row(db, name) is not None:
        raise NameTaken(f"there is a user {name} already")
    row = AccountRow(
        name=name,
        display_name=display_name,
        password=password,
        groups=list(groups),
        created_at=now,
        created_by=created_by,
    )
    db.add(row)
    db.flush()
    return plain(row)


def find_user(db: Session, *, name: str) -> User | None:
    row = _row(db, name)
    return None if row is None else plain(row)


def list_users(db: Session, *, after: str = "", limit: int = 100) -> list[User]:
    """By name, those after `after`."""
    rows = db.exec(
        select(AccountRow).where(col(AccountRow.name) > after).order_by(col(AccountRow.name)).limit(limit)
    )
    return [plain(row) for row in rows]


def password_of(db: Session, *, name: str) -> tuple[User, str] | None:
    """The account and its encoded password; None where there is no such account, or no password."""
    row = _row(db, name)
    return None if row is None or row.password is None else (plain(row), row.password)


def set_password(
    db: Session, *, name: str, password: str, now: datetime, keep: int | None = None, ends: bool = True
) -> None:
    """Keep an encoded password. With `ends`, every session but `keep` ends, and every API token."""
    row = _row(db, name)
    if row is None:
        return
    row.password = password
    if ends:
        end_all(db, account_id=row.id, now=now, keep=keep)


def rename(db: Session, *, name: str, display_name: str) -> None:
    """Change how a user is shown; the name stays."""
    row = _row(db, name)
    if row is not None:
        row.display_name = display_name


def set_disabled(db: Session, *, name: str, disabled: bool, spare: bool, now: datetime) -> User | None:
    """Shut an account out, or let it in again; being shut out ends its sessions and tokens for good.

    Raises LastAdministrator, unless `spare` says that somebody else may manage users.
    """
    row = _row(db, name)
    if row is None:
        return None
    if disabled and row.disabled_at is None:
        row.disabled_at = now
        db.flush()
        _someone_manages(db, spare)
        end_all(db, account_id=row.id, now=now)
    elif not disabled:
        row.disabled_at = None
    return plain(row)


def end_all(db: Session, *, account_id: int, now: datetime, keep: int | None = None) -> None:
    """End every session of an account but `keep`, and every token."""
    for session in db.exec(select(SignInRow).where(SignInRow.account_id == account_id)):
        if session.id != keep:
            session.ended_at = session.ended_at or now
    for token in db.exec(select(ApiTokenRow).where(ApiTokenRow.account_id == account_id)):
        token.revoked_at = token.revoked_at or now


def external_user(
    db: Session,
    *,
    issuer: str,
    subject: str,
    names: Sequence[str],
    display_name: str,
    groups: Sequence[str],
    now: datetime,
) -> User:
    """The account of an identity of an OpenID provider, made at its first sign-in.

    It is found by issuer and subject alone; of `names` the first that is free becomes its name, so that
    nobody gets another's account by calling themselves so. Raises NameTaken when none is.
    """
    known = db.exec(
        select(AccountIdentityRow).where(
            AccountIdentityRow.issuer == issuer, AccountIdentityRow.subject == subject
        )
    ).first()
    if known is None:
        free = next((name for name in names if _row(db, name) is None), None)
        if free is None:
            raise NameTaken(f"the names {', '.join(names)} are all taken")
        made = create_user(db, name=free, display_name=display_name, created_by=issuer, now=now)
        known = AccountIdentityRow(
            account_id=made.id, issuer=issuer, subject=subject, created_at=now, last_seen_at=now
        )
        db.add(known)
    row = db.exec(select(AccountRow).where(AccountRow.id == known.account_id)).one()
    row.groups, known.last_seen_at = list(groups), now
    db.flush()
    return plain(row)


def grant_role(
    db: Session, *, subject: str, namespace: str, role: str, granted_by: str, spare: bool, now: datetime
) -> str | None:
    """Give a role in place of the one that was given there before, which is returned."""
    row = _grant(db, subject, namespace)
    if row is None:
        row = RoleGrantRow(subject=subject, namespace=namespace, role="", granted_at=now)
        db.add(row)
    before, row.role, row.granted_at, row.granted_by = row.role or None, role, now, granted_by
    db.flush()
    if before == ADMIN and namespace == EVERYWHERE:
        _someone_manages(db, spare)
    return before


def revoke_role(db: Session, *, subject: str, namespace: str, spare: bool) -> str | None:
    """Take a role away; the role that it was. Raises LastAdministrator, as set_disabled does."""
    row = _grant(db, subject, namespace)
    if row is None:
        return None
    db.delete(row)
    db.flush()
    if row.role == ADMIN and namespace == EVERYWHERE:
        _someone_manages(db, spare)
    return row.role


def grants(
    db: Session, *, subjects: Sequence[str] | None = None, namespace: str | None = None
) -> list[Grant]:
    """All grants, or those of some subjects, or those that hold in a namespace."""
    chosen = select(RoleGrantRow)
    if subjects is not None:
        chosen = chosen.where(col(RoleGrantRow.subject).in_(subjects))
    if namespace is not None:
        chosen = chosen.where(col(RoleGrantRow.namespace).in_((namespace, EVERYWHERE)))
    rows = db.exec(chosen.order_by(col(RoleGrantRow.subject), col(RoleGrantRow.namespace)))
    return [Grant(**{name: getattr(row, name) for name in Grant.__slots__}) for row in rows]


def managed(db: Session) -> bool:
    """Whether somebody may manage users: an account, or a group, that is admin everywhere."""
    holders = list(
        db.exec(
            select(RoleGrantRow.subject).where(
                RoleGrantRow.namespace == EVERYWHERE, RoleGrantRow.role == ADMIN
            )
        )
    )
    if any(subject.startswith("group:") for subject in holders):
        return True
    names = [subject.removeprefix("user:") for subject in holders]
    found = select(func.count()).select_from(AccountRow)
    found = found.where(col(AccountRow.name).in_(names), col(AccountRow.disabled_at).is_(None))
    return bool(db.exec(found).one())


def offer_code(db: Session, *, digest: str, now: datetime) -> None:
    """Make this the code for the first administrator, in place of an earlier one."""
    row = db.get(OneTimeCodeRow, FIRST_ADMIN)
    if row is not None:
        db.delete(row)
        db.flush()
    db.add(OneTimeCodeRow(purpose=FIRST_ADMIN, digest=digest, created_at=now))


def offered_code(db: Session) -> str | None:
    """The digest of the code that may be used."""
    row = db.get(OneTimeCodeRow, FIRST_ADMIN)
    return None if row is None or row.used_at is not None else row.digest


def first_admin(
    db: Session, *, digest: str, name: str, display_name: str, password: str, now: datetime
) -> User | None:
    """Use the code up: an account that is admin everywhere. None where the code is not good (any more)."""
    code = db.get(OneTimeCodeRow, FIRST_ADMIN)
    if code is None or code.used_at is not None or code.digest != digest or managed(db):
        return None
    made = create_user(db, name=name, display_name=display_name, password=password, now=now)
    code.used_at = now
    db.add(
        RoleGrantRow(
            subject=made.subject, namespace=EVERYWHERE, role=ADMIN, granted_at=now, granted_by=made.subject
        )
    )
    return made


def plain(row: AccountRow) -> User:
    """The account without its secret."""
    return User(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        groups=tuple(str(group) for group in row.groups),
        has_password=row.password is not None,
        created_at=row.created_at,
        created_by=row.created_by,
        disabled_at=row.disabled_at,
    )


def _row(db: Session, name: str) -> AccountRow | None:
    return db.exec(select(AccountRow).where(AccountRow.name == name)).first()


def _grant(db: Session, subject: str, namespace: str) -> RoleGrantRow | None:
    return db.exec(
        select(RoleGrantRow).where(RoleGrantRow.subject == subject, RoleGrantRow.namespace == namespace)
    ).first()


def _someone_manages(db: Session, spare: bool) -> None:
    if not spare and not managed(db):
        raise LastAdministrator(
            "nobody would be left who may manage users: give somebody else the role admin everywhere first"
        )
