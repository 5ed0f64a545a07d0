"""The pictures in docs/: few, small, shown somewhere, and told to who cannot see them."""

from __future__ import annotations

import re

from support.docs import PAGES, ROOT

SHOWN = re.compile(r"!\[([^\]]*)\]\((images/[a-z-]+\.png)\)")
LARGEST = 150_000


def test_every_picture_is_shown_small_and_told_in_words() -> None:
    shown = {path: words for page in PAGES for words, path in SHOWN.findall(page.read_text(encoding="utf-8"))}
    kept = sorted((ROOT / "docs" / "images").glob("*"))
    assert {f"images/{picture.name}" for picture in kept} == shown.keys()
    assert all(len(words.split()) > 5 for words in shown.values())
    assert {
        picture.name: picture.stat().st_size for picture in kept if picture.stat().st_size > LARGEST
    } == {}
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in kept)
