"""Reads and writes of API tokens and browsers' sessions. A secret is found by its digest, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from ringmaster_operator.history import users
from ringmaster_operator.history.user_records import ApiToken, Known, SignIn
from ringmaster_operator.history.user_tables import AccountRow, ApiTokenRow, SignInRow

KEPT_DAYS = 30
"""How long a session that has expired is remembered."""


def create_token(
    db: Session,
    *,
    account_id: int,
    name: str,
    digest: str,
    prefix: str,
    role: str | None,
    namespaces: Sequence[str] | None,
    expires_at: datetime,
    now: datetime,
    parent_id: int | None = None,
) -> ApiToken:
    row = ApiTokenRow(
        account_id=account_id,
        parent_id=parent_id,
        name=name,
        digest=digest,
        prefix=prefix,
        role=role,
        namespaces=None if namespaces is None else list(namespaces),
        created_at=now,
        expires_at=expires_at,
    )
    db.add(row)
    db.flush()
    return _token(row)


def tokens_of(db: Session, *, account_id: int) -> list[ApiToken]:
    """Those that were not revoked, the newest first."""
    chosen = select(ApiTokenRow).where(
        ApiTokenRow.account_id == account_id, col(ApiTokenRow.revoked_at).is_(None)
    )
    return [_token(row) for row in db.exec(chosen.order_by(col(ApiTokenRow.id).desc()))]


def revoke_token(db: Session, *, id: int, account_id: int, now: datetime) -> ApiToken | None:
    """End a token, and those that were made with it; None where the account has no such token."""
    row = db.get(ApiTokenRow, id)
    if row is None or row.account_id != account_id or row.revoked_at is not None:
        return None
    ending = [row]
    while ending:
        last = ending.pop()
        last.revoked_at = last.revoked_at or now
        ending.extend(db.exec(select(ApiTokenRow).where(ApiTokenRow.parent_id == last.id)))
    return _token(row)


def known_token(db: Session, *, digest: str) -> Known | None:
    """Whose token this is, whatever its state."""
    row = db.exec(select(ApiTokenRow).where(ApiTokenRow.digest == digest)).first()
    return None if row is None else _known(db, row.account_id, token=_token(row))


def used_token(db: Session, *, id: int, now: datetime) -> None:
    row = db.get(ApiTokenRow, id)
    if row is not None:
        row.last_used_at = now


def open_sign_in(
    db: Session,
    *,
    account_id: int,
    digest: str,
    how: str,
    address: str,
    agent: str,
    expires_at: datetime,
    now: datetime,
    replaces: str | None = None,
) -> SignIn:
    """Begin a session; the one whose digest is `replaces` ends. Long expired ones are forgotten."""
    if replaces is not None:
        end_sign_in(db, digest=replaces, now=now)
    db.exec(delete(SignInRow).where(col(SignInRow.expires_at) < now - timedelta(days=KEPT_DAYS)))
    row = SignInRow(
        account_id=account_id,
        digest=digest,
        how=how,
        address=address,
        agent=agent,
        created_at=now,
        last_seen_at=now,
        expires_at=expires_at,
    )
    db.add(row)
    db.flush()
    return _sign_in(row)


def known_sign_in(db: Session, *, digest: str) -> Known | None:
    """Whose session this is, whatever its state."""
    row = db.exec(select(SignInRow).where(SignInRow.digest == digest)).first()
    return None if row is None else _known(db, row.account_id, sign_in=_sign_in(row))


def sign_ins_of(db: Session, *, account_id: int, now: datetime) -> list[SignIn]:
    """Those that have not ended, the newest first."""
    chosen = select(SignInRow).where(
        SignInRow.account_id == account_id,
        col(SignInRow.ended_at).is_(None),
        col(SignInRow.expires_at) > now,
    )
    return [_sign_in(row) for row in db.exec(chosen.order_by(col(SignInRow.id).desc()))]


def used_sign_in(db: Session, *, id: int, now: datetime) -> None:
    row = db.get(SignInRow, id)
    if row is not None:
        row.last_seen_at = now


def end_sign_in(
    db: Session,
    *,
    now: datetime,
    digest: str | None = None,
    id: int | None = None,
    account_id: int | None = None,
) -> SignIn | None:
    """End the session of a digest, or of an id of that account; None where there is none that runs."""
    chosen = select(SignInRow).where(col(SignInRow.ended_at).is_(None))
    if digest is not None:
        chosen = chosen.where(SignInRow.digest == digest)
    else:
        chosen = chosen.where(SignInRow.id == id, SignInRow.account_id == account_id)
    row = db.exec(chosen).first()
    if row is None:
        return None
    row.ended_at = now
    return _sign_in(row)


def _known(
    db: Session, account_id: int, *, token: ApiToken | None = None, sign_in: SignIn | None = None
) -> Known | None:
    row = db.get(AccountRow, account_id)
    if row is None:
        return None
    user = users.plain(row)
    held = users.grants(db, subjects=user.subjects)
    return Known(user=user, grants=tuple(held), token=token, sign_in=sign_in)


def _token(row: ApiTokenRow) -> ApiToken:
    told = {name: getattr(row, name) for name in ApiToken.__slots__}
    told["namespaces"] = None if row.namespaces is None else tuple(row.namespaces)
    return ApiToken(**told)


def _sign_in(row: SignInRow) -> SignIn:
    return SignIn(**{name: getattr(row, name) for name in SignIn.__slots__})
