"""How commands speak: results on stdout (text, or JSON for scripts), all else on stderr.

Titles and reasons come from strangers, so everything is made harmless before it reaches a terminal.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from ringmaster_cli.agents import terminal
from ringmaster_cli.agents.terminal import plain

Say = Callable[[str], None]


_form = ""


def choose(form: str) -> None:
    """How results are printed from now on: json, yaml, name, wide, or "" as each command does by itself."""
    global _form
    _form = form


def is_data() -> bool:
    """Whether the chosen form is for programs."""
    return _form in ("json", "yaml", "name")


def is_wide() -> bool:
    """Whether tables should have all their columns."""
    return _form == "wide"


def result(data: dict[str, Any], text: str, *, as_json: bool) -> None:
    """The result of a command, on stdout."""
    print(_as_data(data) if as_json else plain(text), flush=True)


def _as_data(data: dict[str, Any]) -> str:
    if _form == "yaml":
        import yaml

        return str(yaml.safe_dump(data, allow_unicode=True, sort_keys=False)).rstrip("\n")
    if _form == "name":
        return "\n".join(map(_named, data.get("items", [data])))
    return terminal.data(data)


def _named(item: dict[str, Any]) -> str:
    """As kubectl names an object; by its name alone what is none."""
    name = plain(str(item.get("metadata", item).get("name", "")))
    return f"{str(item['kind']).lower()}.ringmaster.dev/{name}" if "kind" in item else name


def note(text: str) -> None:
    """A message to a person, on stderr."""
    print(plain(text), file=sys.stderr, flush=True)


def pane(*, as_json: bool) -> Say:
    """What `worker run` says as it goes: a timed line each, or a JSON object each."""

    def say(text: str) -> None:
        now = time.time()
        if as_json:
            print(json.dumps({"time": round(now, 3), "message": plain(text)}, ensure_ascii=False), flush=True)
            return
        stamp = time.strftime("%H:%M:%S", time.localtime(now))
        for line in plain(text).splitlines():
            print(f"{stamp} {line}", flush=True)

    return say


def money(usd: float | None) -> str:
    """Dollars as people read them."""
    return "unknown cost" if usd is None else f"${usd:.4f}" if usd < 1 else f"${usd:.2f}"
