"""`hack/docs site`: all pages as a site. README.md is its start, and its tables of pages are the navigation.

The pages are staged first, because on the site there is no repository around them: what a link names outside
of docs/ is shown as a path. A link or an anchor that leads nowhere, a page that is in no table, and anything
that a browser would fetch from elsewhere are faults.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| \[([^\]]+)\]\(docs/([a-z-]+\.md)\) \|", re.MULTILINE)
FETCHED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "video": "src"}
"""What a browser fetches by itself, and the attribute that says from where."""
CONFIG = """\
[project]
site_name = "Ringmaster"
site_description = "A Kubernetes operator that turns a backlog into verified work by coding agents"
docs_dir = "pages"
site_dir = "html"
use_directory_urls = false
nav = {nav}

[project.theme]
font = false
custom_dir = "theme"
features = ["navigation.sections", "navigation.top", "content.code.copy", "toc.follow"]

[project.markdown_extensions.toc]
permalink = true

[project.markdown_extensions.tables]

[project.markdown_extensions.pymdownx.highlight]

[project.markdown_extensions.pymdownx.superfences]
"""
THEME = """\
{% extends "base.html" %}
{% block extrahead %}
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; script-src 'self' 'unsafe-inline';
 style-src 'self' 'unsafe-inline'; img-src 'self' data:">
{% endblock %}
"""
"""The theme's scripts know addresses elsewhere, for what no page here uses; a browser may not call them."""


def build(docs: Path) -> int:
    """Build it beside the folder docs, into build/site/html; 0, or 1 with the faults on stderr."""
    work, target = docs.parent / "build" / "site", docs.parent / "build" / "site" / "html"
    shutil.rmtree(work, ignore_errors=True)
    readme = (docs.parent / "README.md").read_text(encoding="utf-8")
    faults = list(_stage(docs, readme, work / "pages"))
    nav = ", ".join(f"{{{json.dumps(name)} = {_toml(pages)}}}" for name, pages in navigation(readme).items())
    (work / "theme").mkdir()
    (work / "theme" / "main.html").write_text(THEME, encoding="utf-8")
    (work / "zensical.toml").write_text(
        CONFIG.replace("{nav}", f'[{{"Ringmaster" = "index.md"}}, {nav}]'), encoding="utf-8"
    )
    program = Path(sys.executable).with_name("zensical")
    done = subprocess.run(
        [program, "build", "--strict", "--clean"], cwd=work, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        faults.append(said.partition("Traceback")[0].strip())
    else:
        faults += [fault for page in sorted(target.rglob("*.html")) for fault in _fetches(page, target)]
    for fault in faults:
        print(f"hack/docs: {fault}", file=sys.stderr)
    if not faults:
        print(f"the site of {len(list(target.rglob('*.html')))} pages is in {target}")
    return int(bool(faults))


def navigation(readme: str) -> dict[str, list[tuple[str, str]]]:
    """Titles and pages by section: the third-level headings of README.md with tables of pages below them."""
    found = {}
    for part in re.split(r"^### ", readme, flags=re.MULTILINE)[1:]:
        name, _, text = part.partition("\n")
        if rows := ROW.findall(text):
            found[name] = rows
    return found


def _toml(pages: list[tuple[str, str]]) -> str:
    return "[" + ", ".join(f"{{{json.dumps(title)} = {json.dumps(page)}}}" for title, page in pages) + "]"


def _stage(docs: Path, readme: str, stage: Path) -> Iterator[str]:
    """Write the pages as the site has them; yields the faults."""
    stage.mkdir(parents=True)
    listed = {page for pages in navigation(readme).values() for _, page in pages}
    (stage / "index.md").write_text(LINK.sub(lambda link: _moved(link, "docs/"), readme), encoding="utf-8")
    for page in sorted(docs.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        (stage / page.name).write_text(LINK.sub(lambda link: _moved(link, ""), text), encoding="utf-8")
        if page.name not in listed:
            yield f"docs/{page.name} is in no table of README.md below a heading of the third level"
    for folder in docs.iterdir():
        if folder.is_dir():
            shutil.copytree(folder, stage / folder.name)


def _moved(link: re.Match[str], below: str) -> str:
    """A link as it is where only the pages are; `below` is what their links begin with."""
    words, target = link[1], link[2]
    if target.startswith(("https://", "http://", "#")):
        return link[0]
    file = target.partition("#")[0].removeprefix(below)
    if target.startswith(below) and "/" not in re.sub("^(images|recordings)/", "", file):
        return f"[{words}]({target.removeprefix(below)})"
    path = file.removeprefix("../")
    return words if path in words else f"{words} (`{path}`)"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and values.get("rel") in ("canonical", "next", "prev"):
            return
        if (target := values.get(FETCHED.get(tag, ""))) and not target.startswith("data:"):
            self.found.append(target)


def _fetches(page: Path, top: Path) -> Iterator[str]:
    """What the page makes a browser fetch, where that is elsewhere or not there."""
    reader = _Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    for target in reader.found:
        root = top if target.startswith("/") else page.parent
        if re.match(r"([a-z]+:)?//", target):
            yield f"{page.name} would fetch {target}"
        elif not (root / target.partition("?")[0].lstrip("/")).exists():
            yield f"{page.name} names {target}, which is not there"
