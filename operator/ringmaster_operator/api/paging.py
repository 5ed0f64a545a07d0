"""Pages of a list: `?limit=&cursor=`, answered with `items` and `next`.

A cursor is the place after which the next page begins, not a number of items: what is added or removed
meanwhile neither repeats nor hides anything else. It is opaque to callers, and only good for the list and the
filters that it came from. It grants nothing: rights are asked anew for each page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Query

from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import MAX_INT

T = TypeVar("T")
Part = str | int
Place = tuple[Part, ...]
"""Where a page ended: the sort key of its last item, parts of the same types for every item of a list."""

USUAL = 100
MOST = 500
LONGEST = 2048
_CHECK = 9
"""Bytes of the check sum."""

Limit = Annotated[int, Query(ge=1, le=MOST, description="Items of a page at most.")]
"""As a parameter of a route: `limit: Limit = USUAL`."""
Cursor = Annotated[
    str | None,
    Query(max_length=LONGEST, pattern="^[A-Za-z0-9_-]+$", description="`next` of the page before."),
]
"""As a parameter of a route: `cursor: Cursor = None`."""


def encoded(place: Place, scope: str) -> str:
    """The cursor of a place; scope names the list and its filters."""
    raw = json.dumps(place, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(_check(raw, scope) + raw).decode().rstrip("=")


def decoded(cursor: str | None, scope: str, *types: type[Part]) -> Place | None:
    """The place of a cursor, its parts of these types; None at the beginning. Raises Refused (INVALID)."""
    if cursor is None:
        return None
    try:
        both = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        check, raw = both[:_CHECK], both[_CHECK:]
        place = json.loads(raw) if check == _check(raw, scope) else None
    except (ValueError, RecursionError):
        place = None
    if not isinstance(place, list) or [type(part) for part in place] != list(types):
        raise Refused(ProblemCode.INVALID, "this cursor is not one of this list with these filters")
    if any(isinstance(part, int) and abs(part) > MAX_INT for part in place):
        raise Refused(ProblemCode.INVALID, "this cursor is out of range")
    return tuple(place)


def page(
    items: Iterable[T], *, key: Callable[[T], Any], limit: int, after: Place | None, scope: str
) -> tuple[list[T], str | None]:
    """The items after a place, in the order of their keys (each a Place), and the cursor of the next page."""
    left = sorted((item for item in items if after is None or key(item) > after), key=key)
    return rest(left[: limit + 1], key=key, limit=limit, scope=scope)


def rest(
    found: Sequence[T], *, key: Callable[[T], Place], limit: int, scope: str
) -> tuple[list[T], str | None]:
    """A page of what a query found that asked for one item more than the limit."""
    shown = list(found[:limit])
    return shown, encoded(key(shown[-1]), scope) if len(found) > limit else None


def _check(raw: bytes, scope: str) -> bytes:
    return hashlib.blake2s(raw + b"\0" + scope.encode("utf-8", "replace"), digest_size=_CHECK).digest()
