"""The first administrator: made with a one-time code that only who can read the operator's files knows.

There is no default password, and no moment in which whoever comes first becomes administrator.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import secrets
from pathlib import Path

from sqlmodel import Session

from ringmaster_operator.auth.accounts import Accounts
from ringmaster_operator.auth.errors import AuthError, unauthenticated
from ringmaster_operator.auth.passwords import checked
from ringmaster_operator.auth.secret import digest
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, NameTaken, users
from ringmaster_operator.history.audit import record_audit
from ringmaster_operator.history.user_records import ADMIN, EVERYWHERE, Actor, Change, User
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.user_api import FirstAdminRequest

log = logging.getLogger(__name__)

FILE = "first-admin-code"
BYTES = 15
"""Of the code: 120 bits."""


class FirstAdmin:
    """Offers the code while nobody manages users, and takes it once."""

    def __init__(self, *, history: History, clock: Clock, accounts: Accounts, folder: Path) -> None:
        self._history = history
        self._clock = clock
        self._accounts = accounts
        self.file = folder.expanduser() / FILE

    async def wanted(self) -> bool:
        """Whether nobody manages users yet, and a password could make somebody do so."""
        if not self._accounts.local or self._accounts.access.spare:
            return False
        return not await self._history.read(users.managed)

    async def offer(self) -> None:
        """At start: write the code into its file where one is wanted, else see that none lies about.

        A code that is there already stays good. The log says where it is, never what it is.
        """
        if not await self.wanted():
            await asyncio.to_thread(self._remove)
            return
        held = await asyncio.to_thread(self._read)
        if held is None or digest(held) != await self._history.read(users.offered_code):
            code = _code()
            now = self._clock.now()
            await self._history.write(lambda db: users.offer_code(db, digest=digest(plain(code)), now=now))
            try:
                await asyncio.to_thread(self._write, code)
            except OSError as error:
                log.warning("nobody manages users yet, and the code for it cannot be written: %s", error)
                return
        log.info("nobody manages users yet: the code for the first administrator is in %s", self.file)

    async def take(self, request: FirstAdminRequest, *, address: str) -> User:
        """Make the first administrator. Raises AuthError."""
        await self._accounts.attempts.begin(f"{FILE} {address}", address)
        text = checked(request.password.get_secret_value(), name=request.name)
        encoded = await self._accounts.passwords.encode(text)
        given, now = digest(plain(request.code.get_secret_value())), self._clock.now()
        wanted = await self.wanted()

        def run(db: Session) -> User | None:
            made = users.first_admin(
                db,
                digest=given,
                name=request.name,
                display_name=request.display_name,
                password=encoded,
                now=now,
            )
            if made is not None:
                actor = Actor(person=made.subject, credential="one-time code", address=address)
                after = {"namespace": EVERYWHERE, "role": ADMIN}
                change = Change(action="user.first-admin", kind="User", name=made.name, after=after)
                record_audit(db, actor=actor, change=change, now=now)
            return made

        try:
            made = await self._history.write(run) if wanted else None
        except NameTaken as error:
            raise AuthError(ProblemCode.CONFLICT, str(error)) from error
        if made is None:
            raise unauthenticated("this code is wrong, or was used already")
        await self._accounts.attempts.succeeded(f"{FILE} {address}", address)
        log.info("user %s is the first administrator", made.name)
        await asyncio.to_thread(self._remove)
        return made

    def _read(self) -> str | None:
        try:
            return plain(self.file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def _write(self, code: str) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_name(f"{FILE}.new")
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(f"{code}\n")
        fresh.rename(self.file)

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self.file.unlink(missing_ok=True)


def plain(code: str) -> str:
    """A code as it counts: however it was typed."""
    return "".join(code.split()).replace("-", "").upper()


def _code() -> str:
    text = base64.b32encode(secrets.token_bytes(BYTES)).decode()
    return "-".join(text[start : start + 6] for start in range(0, len(text), 6))
