"""What the Kubernetes API refuses, as errors that callers can tell apart."""

from __future__ import annotations

import json


class KubeError(Exception):
    """The API server's refusal: .status is the HTTP code, the text is the server's own message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotFound(KubeError):
    """404: the object (or its kind) isn't there."""


class Conflict(KubeError):
    """409: the resourceVersion is not the newest, or the name exists already."""


class Forbidden(KubeError):
    """401 or 403: the operator's account may not do this."""


class KubeUnavailable(KubeError):
    """No answer, or one that says to try later (429, 5xx). Whether a write took place is unknown."""


def explained(status: int, text: str) -> KubeError:
    """The error for an answer: its code, and its body or what is known instead."""
    try:
        message = json.loads(text).get("message") or text
    except (ValueError, AttributeError):
        message = text
    kinds: dict[int, type[KubeError]] = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict}
    if status == 429 or status >= 500 or status == 0:
        return KubeUnavailable(status, message or f"HTTP {status}")
    return kinds.get(status, KubeError)(status, message or f"HTTP {status}")
