"""Passwords: Argon2id, computed in threads, a few at a time.

Each takes 19 MiB and tens of milliseconds (OWASP's recommendation); without a bound, guesses would be a way
to fill the memory.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from ringmaster_operator.auth.errors import AuthError, invalid
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.user_api import MAX_PASSWORD

SHORTEST = 12
DISTINCT = 5
"""Different characters that a password must have."""
AT_ONCE = 2
WAITING = 32
"""Checks that may wait for their turn; further ones are refused."""


def checked(password: str, *, name: str) -> str:
    """The password, if it is good enough for this user; else AuthError (INVALID)."""
    text = unicodedata.normalize("NFKC", password)
    if len(text) < SHORTEST:
        raise invalid(f"a password has at least {SHORTEST} characters")
    if len(text) > MAX_PASSWORD:
        raise invalid(f"a password has at most {MAX_PASSWORD} characters")
    if len(set(text)) < DISTINCT:
        raise invalid(f"a password has at least {DISTINCT} different characters")
    if len(name) > 3 and name.casefold() in text.casefold():
        raise invalid("a password does not contain the user's name")
    return text


class Passwords:
    """Encodes and checks them."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._under_way = 0
        self._nobody = ""

    async def encode(self, password: str) -> str:
        """As it is kept."""
        text = unicodedata.normalize("NFKC", password)
        return await self._turn(lambda: self._hasher.hash(text))

    async def matches(self, password: str, encoded: str | None) -> bool:
        """Whether it is the encoded one. Without one the answer is no, and takes as long."""
        if not self._nobody:
            self._nobody = await self.encode("nobody has this password")
        text = unicodedata.normalize("NFKC", password)

        def check() -> str:
            try:
                self._hasher.verify(encoded or self._nobody, text)
            except (VerifyMismatchError, InvalidHashError):
                return ""
            return encoded or ""

        return bool(await self._turn(check))

    def outdated(self, encoded: str) -> bool:
        """Whether it was encoded with less effort than is usual by now."""
        return self._hasher.check_needs_rehash(encoded)

    async def _turn(self, work: Callable[[], str]) -> str:
        if self._under_way >= AT_ONCE + WAITING:
            raise AuthError(ProblemCode.THROTTLED, "too many people sign in at once", retry_after=1)
        self._under_way += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work)
        finally:
            self._under_way -= 1
