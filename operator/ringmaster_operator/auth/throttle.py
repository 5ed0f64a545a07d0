"""Failed attempts, counted by account and by address: after a few free ones each makes the next wait longer.

An attempt counts as failed from its beginning, and is taken back when it succeeds: so a thousand at the same
moment are a thousand, and none of them learns more than the first few.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from ringmaster_operator.auth.errors import AuthError
from ringmaster_operator.resources.protocol import ProblemCode

REMEMBERED = 50_000
FORGET_SECONDS = 86_400.0
"""Without an attempt for this long, the failures are forgotten."""
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 900.0
"""Where the doubling ends."""


@dataclass
class _Failures:
    count: int = 0
    at: float = 0.0
    until: float = 0.0


class Throttle:
    """Counts by key, in memory; `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float], *, free: int) -> None:
        self.dropped: list[str] = []
        """Keys that are forgotten, because there are too many."""
        self._monotonic = monotonic
        self._free = free
        self._kept: OrderedDict[str, _Failures] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the next attempt; 0 when it may be made."""
        known = self._kept.get(key)
        return max(known.until - self._monotonic(), 0.0) if known is not None else 0.0

    def failed(self, key: str) -> None:
        """Count a failure."""
        now = self._monotonic()
        known = self._kept.get(key)
        if known is None or now - known.at > FORGET_SECONDS:
            known = self._kept[key] = _Failures()
        known.count, known.at = known.count + 1, now
        if known.count >= self._free:
            doublings = min(known.count - self._free, 32)
            known.until = now + min(FIRST_SECONDS * 2**doublings, LONGEST_SECONDS)
        self._kept.move_to_end(key)
        while len(self._kept) > REMEMBERED:
            self.dropped.append(self._kept.popitem(last=False)[0])

    def known(self, key: str) -> tuple[int, float, float]:
        """Failures, seconds since the last one, seconds to wait."""
        known = self._kept.get(key, _Failures())
        return known.count, max(self._monotonic() - known.at, 0.0), self.wait(key)

    def remember(self, key: str, count: int, ago: float, wait: float) -> None:
        """What known() said before a restart."""
        now = self._monotonic()
        self._kept[key] = _Failures(count, now - ago, now + min(wait, LONGEST_SECONDS))

    def forget(self, key: str) -> None:
        """All failures of it."""
        self._kept.pop(key, None)

    def take_back(self, key: str) -> None:
        """One failure of it: the attempt succeeded after all."""
        known = self._kept.get(key)
        if known is not None:
            known.count -= 1
            if known.count < self._free:
                known.until = 0.0
            if known.count <= 0:
                del self._kept[key]


class Attempts:
    """Attempts to sign in: few for an account, more for an address, behind which there may be many people.

    Kept by hashes: what people type as their name is not always one.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.kinds = {"account": Throttle(monotonic, free=5), "address": Throttle(monotonic, free=20)}

    def begin(self, account: str, address: str) -> None:
        """Raises AuthError (THROTTLED) where this must wait; the account need not exist."""
        found = list(self.of(account, address))
        seconds = max(throttle.wait(key) for _, throttle, key in found)
        if seconds > 0:
            detail = f"too many failed attempts; try again in {math.ceil(seconds)} s"
            raise AuthError(ProblemCode.THROTTLED, detail, retry_after=seconds)
        for _, throttle, key in found:
            throttle.failed(key)

    def succeeded(self, account: str, address: str) -> None:
        """The attempt that was begun. Failures of the address stay: one account is no pass for the others."""
        for kind, throttle, key in self.of(account, address):
            (throttle.forget if kind == "account" else throttle.take_back)(key)

    def of(self, account: str, address: str) -> Iterator[tuple[str, Throttle, str]]:
        """Where the two are counted: kind, count, key."""
        for kind, text in (("account", account), ("address", block_of(address))):
            digest = hashlib.sha256(f"{kind} {text}".encode("utf-8", "replace")).hexdigest()
            yield kind, self.kinds[kind], digest


def block_of(address: str) -> str:
    """The address, or of IPv6 the network of 64 bits that one customer has."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64))
