"""The pictures in docs/: few, small, shown somewhere, and told to who cannot see them."""

from __future__ import annotations

import json
import re

from support.docs import PAGES, ROOT

RECORDING = ROOT / "docs" / "recordings" / "terminal.cast"
SHOWN = re.compile(r"!\[([^\]]*)\]\((images/[a-z/-]+\.(?:png|svg))\)")
LARGEST = 150_000


def test_every_picture_is_shown_small_and_told_in_words() -> None:
    shown = {path: words for page in PAGES for words, path in SHOWN.findall(page.read_text(encoding="utf-8"))}
    kept = sorted(path for path in (ROOT / "docs" / "images").rglob("*") if path.is_file())
    assert {picture.relative_to(ROOT / "docs").as_posix() for picture in kept} == shown.keys()
    assert all(len(words.split()) > 5 for words in shown.values())
    assert {
        picture.name: picture.stat().st_size for picture in kept if picture.stat().st_size > LARGEST
    } == {}
    for picture in kept:
        drawn = picture.read_bytes()
        assert drawn.startswith(b"<svg" if picture.suffix == ".svg" else b"\x89PNG"), picture.name
        assert b"<script" not in drawn, picture.name


def test_the_recording_is_small_is_linked_and_tells_nothing_secret() -> None:
    head, *events = (json.loads(row) for row in RECORDING.read_text(encoding="utf-8").splitlines())
    assert head["version"] == 2
    assert RECORDING.stat().st_size < 40_000
    assert all(kind == "o" and isinstance(text, str) for _, kind, text in events)
    text = "".join(text for _, _, text in events)
    for words in ("ringmaster decide", "ringmaster worker attach", "ringmaster top", "NEEDS YOU", "FLEET"):
        assert words in text
    assert not re.search(r"eyJ[A-Za-z0-9_-]{8}|RINGMASTER_TOKEN|Bearer", text)
    assert "(recordings/terminal.cast)" in (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
