"""Signing in: from a password or an OpenID identity to a session, and from a secret to whose it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from ringmaster_operator import metrics
from ringmaster_operator.auth import secret as secrets
from ringmaster_operator.auth.attempts import KeptAttempts
from ringmaster_operator.auth.errors import AuthError, unauthenticated
from ringmaster_operator.auth.passwords import Passwords, checked
from ringmaster_operator.auth.remembered import Remembered
from ringmaster_operator.auth.roles import Access
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, HistoryUnavailable, NameTaken, credentials, users
from ringmaster_operator.history.audit import record_audit
from ringmaster_operator.history.user_records import Actor, Change, Known, SignIn, User
from ringmaster_operator.resources.protocol import ProblemCode

log = logging.getLogger(__name__)

NOTED_SECONDS = 60
"""How exactly the last use of a token or session is kept."""
WRONG = "the name or the password is wrong"
ENDED = "this session has ended; sign in again"


@dataclass(frozen=True)
class Lasting:
    """How long a session lasts, in seconds: without use, and at the most."""

    idle: float
    most: float


@dataclass(frozen=True)
class Visitor:
    """Where a call comes from: address and program. `session` is the cookie's value that it came with."""

    address: str = ""
    agent: str = ""
    session: str | None = None


@dataclass(frozen=True)
class Opened:
    """A session that has just begun."""

    secret: str
    """For the cookie; kept nowhere."""
    known: Known


class Accounts:
    """Sessions and secrets. Raises AuthError, or HistoryUnavailable."""

    def __init__(
        self, *, history: History, clock: Clock, access: Access, lasting: Lasting, local: bool = True
    ) -> None:
        self.access = access
        self.local = local
        """Whether people may sign in with passwords that are kept here."""
        self.passwords = Passwords()
        self.attempts = KeptAttempts(history=history, clock=clock)
        self._history = history
        self._clock = clock
        self._remembered = Remembered(history, clock)
        self.lasting = lasting

    async def sign_in(self, *, name: str, password: str, visitor: Visitor) -> Opened:
        """With name and password. Why it fails is never told: no name is found out so."""
        if not self.local:
            raise AuthError(ProblemCode.FORBIDDEN, "signing in with a password is switched off here")
        user, encoded = await self._proved(name, password, visitor)
        outdated = self.passwords.outdated(encoded)
        fresh = await self.passwords.encode(password) if outdated else None

        def unchanged(db: Session) -> bool:
            if users.password_of(db, name=name) != (user, encoded):
                return False
            if fresh is not None:
                users.set_password(db, name=name, password=fresh, now=self._clock.now(), ends=False)
            return True

        return await self.open(user, how="password", visitor=visitor, unchanged=unchanged)

    async def _proved(self, name: str, password: str, visitor: Visitor) -> tuple[User, str]:
        """The account and its encoded password, where this is its password."""
        await self.attempts.begin(name, visitor.address)
        found = await self._history.read(lambda db: users.password_of(db, name=name))
        good = await self.passwords.matches(password, None if found is None else found[1])
        if not good or found is None or found[0].disabled_at is not None:
            metrics.sign_ins.labels("refused").inc()
            log.warning("a sign-in as %s from %s was refused", name, visitor.address or "an unknown address")
            raise unauthenticated(WRONG)
        await self.attempts.succeeded(name, visitor.address)
        return found

    async def open(
        self, user: User, *, how: str, visitor: Visitor, unchanged: Callable[[Session], bool] | None = None
    ) -> Opened:
        """A session with a fresh secret; the one that the visitor came with ends. Never takes over a secret.

        `unchanged` is asked in the transaction: False refuses it, where what proved the user has changed.
        """
        secret, now = secrets.make(secrets.SESSION), self._clock.now()
        before = None if visitor.session is None else secrets.digest(visitor.session)
        actor = Actor(person=user.subject, credential=how, address=visitor.address)

        def run(db: Session) -> Known | None:
            current = users.find_user(db, name=user.name)
            if current is None or current.disabled_at is not None or (unchanged and not unchanged(db)):
                return None
            session = credentials.open_sign_in(
                db,
                account_id=user.id,
                digest=secrets.digest(secret),
                how=how,
                address=visitor.address,
                agent=visitor.agent[:256],
                expires_at=now + timedelta(seconds=self.lasting.most),
                now=now,
                replaces=before,
            )
            change = Change(action="session.open", kind="Session", name=str(session.id), after={"how": how})
            record_audit(db, actor=actor, change=change, now=now)
            return credentials.known_sign_in(db, digest=secrets.digest(secret))

        known = await self._history.write(run)
        if known is None:
            raise unauthenticated(WRONG)
        metrics.sign_ins.labels("accepted").inc()
        return Opened(secret, known)

    async def by_session(self, secret: str) -> Known:
        """Whose session this cookie is."""
        digest, now = secrets.digest(secret), self._clock.now()
        known = await self._remembered.of(digest, lambda db: credentials.known_sign_in(db, digest=digest))
        session = known.sign_in if known is not None else None
        if known is None or session is None or self._over(session, now) or known.user.disabled_at:
            raise unauthenticated(ENDED)
        if (now - session.last_seen_at).total_seconds() >= NOTED_SECONDS:
            id = session.id
            await self._noted(lambda db: credentials.used_sign_in(db, id=id, now=now))
        return known

    async def by_token(self, secret: str) -> Known:
        """Whose API token this is."""
        digest, now = secrets.digest(secret), self._clock.now()
        known = await self._remembered.of(digest, lambda db: credentials.known_token(db, digest=digest))
        token = known.token if known is not None else None
        if known is None or token is None or token.revoked_at is not None:
            raise unauthenticated("this API token is not known here, or was revoked")
        if token.expires_at <= now:
            raise unauthenticated("this API token has expired")
        if known.user.disabled_at is not None:
            raise unauthenticated("the user of this API token is disabled")
        used = token.last_used_at
        if used is None or (now - used).total_seconds() >= NOTED_SECONDS:
            id = token.id
            await self._noted(lambda db: credentials.used_token(db, id=id, now=now))
        return known

    async def sign_out(self, known: Known, actor: Actor) -> None:
        """End the session, or revoke the token, that the call came with."""
        now = self._clock.now()

        def run(db: Session) -> None:
            kind, id = "Session", 0
            if known.sign_in is not None:
                id = known.sign_in.id
                credentials.end_sign_in(db, id=id, account_id=known.user.id, now=now)
            elif known.token is not None:
                kind, id = "Token", known.token.id
                credentials.revoke_token(db, id=id, account_id=known.user.id, now=now)
            change = Change(action=f"{kind.lower()}.end", kind=kind, name=str(id))
            record_audit(db, actor=actor, change=change, now=now)

        await self._history.write(run)

    async def change_password(
        self, known: Known, *, current: str, new: str, visitor: Visitor, actor: Actor
    ) -> Opened | None:
        """Ends every other session, and every token; a call from a session gets a new one in its place."""
        user, encoded = await self._proved(known.user.name, current, visitor)
        fresh = await self.passwords.encode(checked(new, name=user.name))
        now = self._clock.now()

        def run(db: Session) -> bool:
            if users.password_of(db, name=user.name) != (user, encoded):
                return False
            users.set_password(db, name=user.name, password=fresh, now=now)
            change = Change(action="user.password", kind="User", name=user.name)
            record_audit(db, actor=actor, change=change, now=now)
            return True

        if not await self._history.write(run):
            raise unauthenticated(WRONG)
        return await self.open(user, how="password", visitor=visitor) if known.sign_in is not None else None

    async def external(
        self, *, issuer: str, subject: str, names: Sequence[str], display_name: str, groups: Sequence[str]
    ) -> User:
        """The user of an OpenID identity, whose groups are these from here on; made when there is none.

        Never one that somebody else made: `names` are wishes. Refuses disabled ones.
        """
        now = self._clock.now()
        try:
            user = await self._history.write(
                lambda db: users.external_user(
                    db,
                    issuer=issuer,
                    subject=subject,
                    names=names,
                    display_name=display_name,
                    groups=groups,
                    now=now,
                )
            )
        except NameTaken as error:
            raise AuthError(ProblemCode.CONFLICT, str(error)) from error
        if user.disabled_at is not None:
            raise unauthenticated(f"the user {user.name} is disabled")
        return user

    def _over(self, session: SignIn, now: datetime) -> bool:
        idle = (now - session.last_seen_at).total_seconds()
        return session.ended_at is not None or session.expires_at <= now or idle > self.lasting.idle

    async def _noted(self, run: Callable[[Session], None]) -> None:
        """Keep when it was last used; that it cannot be kept now is no reason to shut people out."""
        try:
            await self._history.write(run)
        except HistoryUnavailable as error:
            log.debug("the last use of a credential was not kept: %s", error)
