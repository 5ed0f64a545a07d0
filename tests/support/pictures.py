"""The pictures in the docs: which pages they show, and how they come to look the same each time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from support.browsing import Person
from support.clusters import REPOSITORY

FOLDER = REPOSITORY / "docs" / "images"
KEEP = bool(os.environ.get("RINGMASTER_PICTURES"))
"""Whether the pictures in docs/images are replaced: hack/docs pictures."""
STILL = """() => {
    for (const option of document.querySelectorAll('.bar option')) option.textContent = 'team';
    for (const time of document.querySelectorAll('time')) time.textContent = '4 min. ago';
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        text.data = text.data.replace(/^(for|.*took) [0-9]+ (s|min( [0-9]+ s)?)$/, '$1 2 min 10 s');
        text.data = text.data.replace(/^[0-9]+ s$/, '40 s');
    }
}"""
"""What differs from run to run is made the same: the namespace, how long ago, how long. Dates are not."""


@dataclass(frozen=True)
class Picture:
    """One page of the scene; `shows` is in it once it has loaded."""

    name: str
    place: str
    shows: str


PICTURES = (
    Picture("overview", "overview", "When do we ship?"),
    Picture("board", "board", "Send a receipt by mail"),
    Picture("graph", "graph?done=1", "longest chain"),
    Picture("bead", "beads/tax-rules", "Iteration 2"),
)


def take(person: Person, picture: Picture) -> bytes:
    """The page as PNG; kept where that is asked for."""
    page = person.visit(picture.place)
    page.get_by_text(picture.shows).first.wait_for()
    page.evaluate("document.fonts.ready.then(() => true)")
    page.evaluate(STILL)
    place = FOLDER / f"{picture.name}.png" if KEEP else None
    return page.screenshot(path=place, animations="disabled", caret="hide")


def kept() -> list[Path]:
    """The pictures that are in the docs."""
    return sorted(FOLDER.glob("*.png"))
