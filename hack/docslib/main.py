"""hack/docs: write the generated pages, or say whether they differ."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from docslib import api, settings

PAGES: dict[str, Callable[[Path], str]] = {"settings.md": lambda _: settings.render(), "api.md": api.render}
"""How each page is made from the one that is there."""


def main(arguments: Sequence[str]) -> int:
    """Write or check the pages; 0, or 1 when a checked page differs."""
    parser = argparse.ArgumentParser(
        prog="hack/docs", description="Write docs/settings.md and docs/api.md from models and routes."
    )
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page differs")
    options = parser.parse_args(arguments)
    worst = 0
    for name, render in PAGES.items():
        page, text = options.folder / name, render(options.folder / name)
        if not options.check:
            page.write_text(text, encoding="utf-8")
            continue
        same = page.is_file() and page.read_text(encoding="utf-8") == text
        print(f"{name} is what the code says" if same else f"{name} differs: run hack/docs")
        worst = max(worst, int(not same))
    return worst
