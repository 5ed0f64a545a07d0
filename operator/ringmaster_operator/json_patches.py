"""JSON patches (RFC 6902) of a status, good for any version of an object on which what counts is as it was.

The API server compares texts as they are written, and writes some of them in its own way. A status with such
texts can't be compared with one of our writing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

Body = dict[str, Any]

SURE = re.compile(r"\\[\"\\nrt]")
"""Escapes that every writer of JSON uses."""
UNSURE = re.compile(r"[\\<>&]|(?:[:,] |\[)-?[\d.]+e")
"""What is written in several ways: other escapes, characters that HTML escapes, very small numbers."""


def merged(old: Any, patch: Any) -> Any:
    """What a JSON merge patch (RFC 7396) makes of a value."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def of_status(body: Body, patch: Body, keys: Iterable[str]) -> list[Body] | None:
    """A merge patch of the status, for any version with the uid, spec and status that `body` has.

    Labels and annotations of these keys must be the same too. None where it can't be told so that the API
    server would understand it.
    """
    meta, status = body["metadata"], body.get("status")
    tests = {f"/metadata/{name}": meta.get(name) for name in ("uid", "generation", "deletionTimestamp")}
    for place in ("labels", "annotations"):
        known = meta.get(place)
        if known:
            tests |= {f"/metadata/{place}/{_escaped(key)}": known.get(key) for key in sorted(keys)}
        else:
            tests[f"/metadata/{place}"] = known
    tests["/status"] = status
    if UNSURE.search(SURE.sub("", json.dumps(list(tests.values())))):
        return None
    operations: list[Body] = [{"op": "test", "path": path, "value": tests[path]} for path in tests]
    return [*operations, {"op": "add", "path": "/status", "value": merged(status, patch)}]


def _escaped(key: str) -> str:
    """As part of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
