"""Words of a text, as lessons are searched by them."""

from __future__ import annotations

import re
from collections.abc import Iterable

SAME = 0.8
"""From this share of terms in common on, two lessons are the same lesson."""
LEAD = 5
"""Words that say whether a lesson is for something or against it; later ones give reasons."""
_split = str.split
_WORD = re.compile(r"[\w./-]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_NEGATIONS = re.compile(
    r"\b(?:not|no|never|avoid|cannot|without|stop|(?:do|does|can|must|should|is)n['\u2019]?t)\b", re.I
)
STOP = frozenset(
    _split(
        "a about above after again all also always am an and any are as at be because been before "
        "being below both but by can could did do does doing down during each few for from further "
        "had has have having he her here him his how i if in into is it its just let may me might "
        "more most must my no nor not now of off on once one only or other our out over own per "
        "please same shall she should so some such than that the their them then there these they "
        "this those through to too under until up us very was we were what when where which while who "
        "whom why will with without would yet you your never avoid cannot don doesn isn instead first "
        "make sure need needs ensure "
    )
)
WEAK = frozenset(
    _split(
        "add agent attempt bead branch bug build call change check class code command commit create "
        "default error exit fail file fix folder function implement iteration line method module new "
        "object package path project read remove rename repository result run script set step support "
        "task test text type update use used uses using value verify version work write "
    )
)
"""Words of the trade: that a lesson and a task share one says little."""


def terms(text: str) -> list[str]:
    """Content words in order, stemmed; identifiers and paths as a whole and in their parts."""
    found: list[str] = []
    for raw in _WORD.findall(text):
        word = raw.strip("./-_")
        parts = [part.lower() for part in _PART.findall(word)]
        if len(parts) > 1 and len(word) <= 80:
            found.append(word.lower())
        found += [stem(part) for part in parts if part not in STOP and 1 < len(part) <= 40]
    return found


def stem(word: str) -> str:
    """The word without the commonest endings of English."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for ending, least in (("ing", 6), ("ed", 5)):
        if word.endswith(ending) and len(word) >= least:
            root = word[: -len(ending)]
            return root[:-1] if len(root) > 2 and root[-1] == root[-2] and root[-1] not in "ls" else root
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def negative(text: str) -> bool:
    """Whether it advises against something, by how it begins; two negations cancel each other."""
    return len(_NEGATIONS.findall(" ".join(text.split()[:LEAD]))) % 2 == 1


def overlap(one: Iterable[str], other: Iterable[str]) -> float:
    """Share of terms that two texts have in common (Jaccard)."""
    left, right = set(one), set(other)
    return len(left & right) / len(left | right) if left or right else 0.0
