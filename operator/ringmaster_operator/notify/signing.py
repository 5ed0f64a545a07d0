"""Signatures of webhooks, as Standard Webhooks has them: HMAC-SHA256 over id, time and body. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

PREFIX = "whsec_"
LEAST, MOST = 24, 64
"""Bytes of a key."""


def key_of(secret: str) -> bytes:
    """The key in a secret; raises ValueError, which does not repeat it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not LEAST <= len(key) <= MOST:
        raise ValueError(f"a secret is {PREFIX} and base64 of {LEAST} to {MOST} bytes")
    return key


def headers(secrets: Iterable[str], *, id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of a message: its id, the seconds since 1970, and a signature for each secret."""
    signed = f"{id}.{at}.".encode() + body
    found = [
        base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in found),
    }
