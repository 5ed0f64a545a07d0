"""Names and references: what is imported twice must meet its own bead again. Pure."""

from __future__ import annotations

import hashlib
import re

REF = "ringmaster.dev/external-ref"
"""Annotation with the full reference, and label with its hash, by which beads are found."""
ORIGIN = "ringmaster.dev/origin"
"""Annotation with what a record says that has no home in the spec."""
LABELS = "label.ringmaster.dev/"
"""Prefix of labels that came from elsewhere."""
WORD = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
NAME_LENGTH = 100


def digest(text: str, length: int = 40) -> str:
    """A hash that also serves as a label's value."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def slug(text: str, length: int = NAME_LENGTH) -> str:
    """The text as a Kubernetes name: a-z, 0-9, - and inner dots; empty when nothing of it fits."""
    plain = re.sub(r"[^a-z0-9.]+", "-", text.lower())
    plain = re.sub(r"-*\.[-.]*", ".", plain)
    return plain.strip("-.")[:length].strip("-.")


def name_of(identifier: str) -> str:
    """The name of an identifier's bead, the same in every import.

    An identifier that is a name but for capitals keeps its looks; others get a hash, so that two never meet.
    """
    plain = slug(identifier)
    if plain == identifier.lower():
        return plain
    return f"{slug(identifier, NAME_LENGTH - 9) or 'bead'}-{digest(identifier, 8)}"


def labels_of(words: list[str]) -> dict[str, str]:
    """Free labels as Kubernetes has them: `bug` as a key, `size:small` with a value; others do not fit."""
    found: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition(":")
        if WORD.fullmatch(key) and (not value or WORD.fullmatch(value)) and word in (key, f"{key}:{value}"):
            found.setdefault(LABELS + key, value)
    return found


def words_of(labels: dict[str, str]) -> list[str]:
    """The free labels again, in order."""
    found = {key.removeprefix(LABELS): value for key, value in labels.items() if key.startswith(LABELS)}
    return sorted(f"{key}:{value}" if value else key for key, value in found.items())
