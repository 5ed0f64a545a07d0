"""The generated pages of docs/."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docslib import api, cli, kinds, metrics, settings

PAGES: dict[str, Callable[[Path], str]] = {
    "settings.md": lambda _: settings.render(),
    "api.md": api.render,
    "cli.md": lambda _: cli.render(),
    "metrics.md": lambda _: metrics.render(),
    "resources.md": lambda _: kinds.render(),
}
"""How each page is made from the one that is there."""
