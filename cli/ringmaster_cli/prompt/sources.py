"""The built-in sources, in the order in which an agent reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ringmaster_cli.prompt import code, documents, memory, sections
from ringmaster_cli.prompt.model import Material, Piece, Source
from ringmaster_operator.resources.protocol import BeadWork


def _one(
    origin: Callable[[BeadWork], str], text: Callable[[Material], str]
) -> Callable[[Material], list[Piece]]:
    """A source that has one piece, or none."""

    def gather(material: Material) -> list[Piece]:
        words = text(material)
        return [Piece(origin=origin(material.claimed.bead), text=words)] if words else []

    return gather


def _named(bead: BeadWork) -> str:
    return f"bead {bead.name}"


def _of(part: Callable[[BeadWork], Iterable[Piece]]) -> Callable[[Material], Iterable[Piece]]:
    return lambda material: part(material.claimed.bead)


SOURCES = (
    Source(
        name="intro", head="", tokens=1_000, relevance=1.0, fixed=True,
        gather=_one(lambda _: "Ringmaster", lambda material: sections.intro(material.claimed)),
    ),
    Source(
        name="rules", head="# House rules\n", tokens=6_000, relevance=1.0, fixed=True,
        gather=_one(lambda _: "project and Worker", lambda material: sections.rules(material.claimed.bead)),
    ),
    Source(
        name="bead", head="", tokens=18_000, relevance=1.0,
        gather=_one(_named, lambda material: sections.bead(material.claimed)),
    ),
    Source(
        name="acceptance", head="# Acceptance\n", tokens=10_000, relevance=0.95,
        gather=_one(_named, lambda material: sections.acceptance(material.claimed.bead)),
    ),
    Source(
        name="tree", head="# What it belongs to\n", tokens=2_500, relevance=0.4, known=True,
        gather=_of(sections.tree), rest="more above are left out",
    ),
    Source(
        name="dependencies", head=sections.DEPENDENCIES, tokens=4_000, relevance=0.5, known=True,
        gather=_of(sections.dependencies), rest="more results are left out",
    ),
    Source(
        name="decisions", head=sections.DECISIONS, tokens=4_000, relevance=0.9,
        gather=_of(sections.decisions), rest="more answers are left out",
    ),
    Source(
        name="history", head=sections.HISTORY, tokens=6_000, relevance=0.8,
        gather=_of(sections.history), rest="earlier runs are left out",
    ),
    Source(
        name="reflexions", head=memory.REFLEXIONS, tokens=3_000, relevance=0.75,
        gather=_of(memory.reflexions), rest="earlier ones are left out",
    ),
    Source(
        name="lessons", head=memory.LESSONS, tokens=1_500, relevance=0.45,
        gather=_of(memory.lessons), rest="more lessons are left out",
    ),
    Source(
        name="logs", head=sections.LOGS, tokens=3_000, relevance=0.7, gather=_of(sections.logs),
    ),
    Source(
        name="documents", head="# Documents of the repository\n", tokens=9_000, each=3_000, relevance=0.3,
        known=True, gather=documents.gather, rest="more documents are left out",
    ),
    Source(
        name="files", head="# Files that the task names\nThey may have changed by the time you read this.\n",
        tokens=4_000, each=2_000, relevance=0.35, known=True, gather=code.files, rest="more files left out",
    ),
    Source(
        name="changes", head="# Recent commits to these files\n", tokens=800, relevance=0.2, known=True,
        gather=code.changes, rest="more commits are left out",
    ),
    Source(
        name="map", head="# Map of the repository\n", tokens=1_500, relevance=0.1, known=True,
        gather=code.repository_map,
    ),
    Source(
        name="steering", head=sections.STEERING, tokens=8_000, relevance=1.0, fixed=True,
        gather=_one(lambda _: "people", lambda material: sections.steering(material.claimed.bead)),
    ),
    Source(
        name="finish", head="# How to finish\n", tokens=1_000, relevance=1.0, fixed=True,
        gather=_one(lambda _: "Ringmaster", lambda material: sections.finish(material.claimed.bead)),
    ),
)  # fmt: skip
