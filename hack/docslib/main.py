"""hack/docs: write the generated pages, say whether they differ, build the site, or take the pictures."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from docslib import site


def main(arguments: Sequence[str]) -> int:
    """Write or check the pages, or build the site; 0, or 1 when a page differs or the site has faults."""
    parser = argparse.ArgumentParser(
        prog="hack/docs",
        description="Write the generated pages of docs/ from models, routes, programs and definitions; "
        "with site, build all pages as a site into build/site; with pictures, take those of docs/images; "
        "with recording, record the session in a terminal of docs/recordings.",
    )
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "what",
        nargs="?",
        choices=["pages", "site", "pictures", "recording"],
        default="pages",
        help="pages when not given",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page differs")
    options = parser.parse_args(arguments)
    if options.what == "site":
        return site.build(options.folder)
    if options.what == "pictures":
        return made(options.folder.parent, "PICTURES", "pictures", "browser/test_scene.py")
    if options.what == "recording":
        return made(options.folder.parent, "RECORDING", "shell", "cluster/test_terminal_session.py")
    from docslib.pages import PAGES  # brings the whole operator, which the site does not need

    worst = 0
    for name, render in PAGES.items():
        page = options.folder / name
        text = render(page)
        if not options.check:
            page.write_text(text, encoding="utf-8")
            continue
        same = page.is_file() and page.read_text(encoding="utf-8") == text
        print(f"{name} is what the code says" if same else f"{name} differs: run hack/docs")
        worst = max(worst, int(not same))
    return worst


def made(checkout: Path, what: str, test: str, file: str) -> int:
    """Have a real project worked, and keep what is seen of it; what the test that looks at it returns."""
    command = [sys.executable, "-m", "pytest", "-q", "-k", test, f"tests/{file}"]
    environment = {**os.environ, f"RINGMASTER_{what}": "1"}
    return subprocess.run(command, cwd=checkout, env=environment, check=False).returncode
