"""The lessons of one namespace, as the operator's API gives and takes them; and as they lie in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from ringmaster_cli.exits import UsageError
from ringmaster_cli.people.api import request
from ringmaster_cli.people.identity import identify
from ringmaster_operator.resources.lesson import LessonRecord

Body = dict[str, Any]


class Book:
    """The lessons of one namespace at the operator."""

    def __init__(
        self, url: str | None, account: str | None, namespace: str | None, context: str | None
    ) -> None:
        self._who = identify(url, account=account, namespace=namespace, context=context)
        self.namespace = self._who.namespace

    def call(self, method: str, path: str, body: Body | None = None) -> Body:
        where = f"/namespaces/{quote(self.namespace)}/lessons{path}"
        return request(self._who.url, method, where, token=self._who.token, body=body)

    def all(self, *, state: str, repository: str | None) -> list[Body]:
        """Every page of the list."""
        query = {"state": state, "limit": "500"} | ({"repository": repository} if repository else {})
        found: list[Body] = []
        cursor: str | None = None
        while True:
            part = self.call("GET", f"?{urlencode(query | ({'cursor': cursor} if cursor else {}))}")
            found += part["items"]
            cursor = part.get("next")
            if not cursor:
                return found


def read(file: Path) -> Body:
    """An exported file, checked lesson by lesson. Raises UsageError."""
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise UsageError(f"{file} cannot be read: {fault.strerror or fault}") from fault
    except (ValueError, RecursionError) as fault:
        raise UsageError(f"{file} is not JSON: {fault}") from fault
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or body.get("version") != 1:
        raise UsageError(f"{file} is not what `ringmaster lessons export` writes (version 1 with items)")
    for number, item in enumerate(items, start=1):
        try:
            LessonRecord.check(item)
        except ValidationError as fault:
            first = fault.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UsageError(f"{file}: lesson {number}: {where}: {first['msg']}") from fault
    return {"namespace": str(body.get("namespace", ""))[:256], "items": items}


def write(file: Path, bundle: Body) -> None:
    """Raises UsageError."""
    try:
        file.write_text(text(bundle), encoding="utf-8")
    except OSError as fault:
        raise UsageError(f"{file} cannot be written: {fault.strerror or fault}") from fault


def text(bundle: Body) -> str:
    """As the file holds it."""
    return json.dumps(bundle, indent=2, ensure_ascii=False) + "\n"
