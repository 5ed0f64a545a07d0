"""kubectl, for what only it can do (kustomize, apply) and so for all that installing asks of a cluster."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ringmaster_cli.install.shell import SECONDS, call, tried


class Kubectl:
    """kubectl of PATH on one context."""

    def __init__(self, context: str | None = None) -> None:
        self._base = ["kubectl", *([f"--context={context}"] if context else [])]

    def __call__(self, *words: str, stdin: str | None = None, seconds: float = SECONDS) -> str:
        """What it printed. Raises CliError."""
        return call(*self._base, *words, stdin=stdin, seconds=seconds)

    def tried(self, *words: str) -> subprocess.CompletedProcess[str]:
        """However it ends."""
        return tried([*self._base, *words])

    def tried_with(self, stdin: str, *words: str) -> subprocess.CompletedProcess[str]:
        """However it ends, with this as its input."""
        return tried([*self._base, *words], stdin=stdin)

    def json(self, *words: str) -> dict[str, Any]:
        """What it printed, as an object. Raises CliError."""
        found: dict[str, Any] = json.loads(self(*words, "--output=json"))
        return found

    def find(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        """An object, or None. Raises CliError for any other answer."""
        said = self("get", kind, name, "-n", namespace, "--ignore-not-found", "--output=json")
        return json.loads(said) if said.strip() else None

    def may(self, verb: str, kind: str) -> bool:
        """Whether this user may do it, everywhere."""
        return self.tried("auth", "can-i", verb, kind, "--all-namespaces", "--quiet").returncode == 0
