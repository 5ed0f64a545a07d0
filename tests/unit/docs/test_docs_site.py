"""The pages as a site: whole, and nothing is fetched from elsewhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.docs import ROOT


def build(checkout: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from docslib.main import main; raise SystemExit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, str(checkout / "docs"), "site"],
        cwd=ROOT / "hack", capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the pages, to be spoilt."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def test_the_site_is_whole_and_begins_with_the_readme(checkout: Path) -> None:
    done = build(checkout)
    assert done.returncode == 0, done.stderr
    made = checkout / "build" / "site" / "html"
    wanted = {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert {page.stem for page in made.glob("*.html")} - {"index", "404"} == wanted
    closed = "default-src 'self'; script-src 'self' 'unsafe-inline'"
    assert all(closed in page.read_text(encoding="utf-8") for page in made.rglob("*.html"))
    start = (made / "index.html").read_text(encoding="utf-8")
    assert all(f'href="{page}.html"' in start for page in wanted)
    for section in ("Start", "How to", "Reference", "How it is made"):
        assert f"{section}\n" in start or f">{section}<" in start


def test_a_dead_link_and_a_page_in_no_table_are_faults(checkout: Path) -> None:
    (checkout / "docs" / "stray.md").write_text("# Stray\n\n[gone](beads.md#nothing-of-the-kind)\n")
    done = build(checkout)
    assert done.returncode == 1
    assert "docs/stray.md is in no table of README.md" in done.stderr
    assert "anchor does not exist" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("target", ["https://images.example.com/a.png", "//images.example.com/a.png"])
def test_what_a_browser_would_fetch_from_elsewhere_is_a_fault(checkout: Path, target: str) -> None:
    with (checkout / "docs" / "beads.md").open("a") as page:
        page.write(f'\n<img alt="a" src="{target}">\n')
    done = build(checkout)
    assert (done.returncode, f"beads.html would fetch {target}" in done.stderr) == (1, True), done.stderr
