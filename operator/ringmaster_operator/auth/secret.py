"""Secrets that Ringmaster makes: 256 random bits, of which it keeps the SHA-256 alone.

They are too many to guess, so a plain hash is enough, and a secret is found by its hash: no comparison takes
longer for a better guess.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

TOKEN = "rmt_"  # noqa: S105 - how an API token begins, so that scanners find lost ones
SESSION = "rms_"
"""How the value of a session's cookie begins."""
SHOWN = 10
"""Characters of a token that stay readable; the other 37 are still beyond guessing."""


def make(prefix: str) -> str:
    """A fresh secret."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def csrf_of(session: str) -> str:
    """What a page of ours must send with a change: only who holds the session can know it."""
    return hmac.new(session.encode(), b"ringmaster-csrf", hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that tells nothing."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
