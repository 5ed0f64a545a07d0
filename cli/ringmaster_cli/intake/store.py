"""Beads through the Kubernetes API, by server-side apply: what an import wrote before, it may change again;
what people changed since stays theirs unless they say otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from ringmaster_cli.exits import CliError, Refused
from ringmaster_cli.people.cluster import CALL_SECONDS, GROUP, VERSION, Cluster, _told

Body = dict[str, Any]
PLURAL = "beads"
MANAGER = "ringmaster-import"


class Conflict(Refused):
    """People changed what the import would change; the message names the fields."""


class Result(StrEnum):
    """What came of one bead."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FINISHED = "finished"
    CONFLICT = "conflict"


class Beads(Cluster):
    """The Beads of one namespace. Every method raises CliError with the server's own words."""

    def make(self, body: Body, *, dry_run: bool = False) -> Body:
        """Create one Bead."""
        with _told(""):
            made: Any = self._api.create_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                body,
                field_validation="Strict",
                field_manager="ringmaster-cli",
                _request_timeout=CALL_SECONDS,
                dry_run="All" if dry_run else None,
            )
        return dict(made)

    def put(self, body: Body, before: Body | None, *, dry_run: bool = False, force: bool = False) -> Result:
        """Make a Bead what the import says; before is how it is now. Raises Conflict."""
        name = body["metadata"]["name"]
        with _conflict(name), _told(f"Bead {name}"):
            after: Any = self._api.patch_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                name,
                body,
                field_manager=MANAGER,
                field_validation="Strict",
                force=force,
                _content_type="application/apply-patch+yaml",
                _request_timeout=CALL_SECONDS,
                dry_run="All" if dry_run else None,
            )
        if before is None:
            return Result.CREATED
        return Result.UNCHANGED if _content(before) == _content(after) else Result.CHANGED


def _content(body: Body) -> list[Any]:
    meta = body["metadata"]
    return [body.get("spec"), meta.get("labels"), meta.get("annotations")]


@contextmanager
def _conflict(name: str) -> Iterator[None]:
    from kubernetes.client.exceptions import ApiException

    try:
        yield
    except CliError as fault:
        cause = fault.__cause__
        if not isinstance(cause, ApiException) or cause.status != 409:
            raise
        try:
            causes = json.loads(cause.body or "")["details"]["causes"]
            fields = ", ".join(sorted(str(item["field"]) for item in causes))
        except (ValueError, KeyError, TypeError):
            fields = "fields"
        raise Conflict(f"{name}: {fields} changed here since: --force takes the file's") from fault
