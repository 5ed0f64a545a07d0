"""What was learned before, for the prompt: reflexions of this bead, lessons of others. Data, never orders."""

from __future__ import annotations

from collections.abc import Iterator

from ringmaster_cli.prompt.model import Piece
from ringmaster_cli.prompt.text import data, one_line
from ringmaster_operator.resources.protocol import BeadWork, Reflexion

REFLEXIONS = (
    "# What earlier runs of this task say they learned\n"
    "They did not finish it: weigh what they say, and do not repeat what failed.\n"
)
LESSONS = (
    "# Notes from other tasks\n"
    "They may not fit. Where they differ from the task or from what you see, those count.\n"
    "If one turns out to be wrong, name its number in your reflexion.\n"
)


def reflexions(bead: BeadWork) -> Iterator[Piece]:
    """What the agents of earlier runs said of their work, oldest first; the newest say most."""
    runs = sorted(bead.history, key=lambda past: (past.attempt, past.iteration))
    told = [(past, past.reflexion) for past in runs if past.reflexion is not None]
    for number, (past, reflexion) in enumerate(told, start=1):
        origin = f"attempt {past.attempt}, iteration {past.iteration}"
        yield Piece(origin=origin, text=_run(origin, reflexion), relevance=number / len(told))


def _run(origin: str, told: Reflexion) -> str:
    fields = (
        ("Tried", told.tried),
        ("Happened", told.happened),
        ("Cause", told.cause),
        ("Lesson", told.lesson),
        ("Evidence", told.evidence.log if told.evidence else ""),
    )
    return data("\n".join(f"{name}: {words}" for name, words in fields if words.strip()), origin)


def lessons(bead: BeadWork) -> Iterator[Piece]:
    """Lessons of other beads, the best fit first, each with its number and where it comes from."""
    for place, note in enumerate(bead.lessons):
        origin = f"lesson {note.id}, {one_line(note.origin)}"
        text = f"{note.lesson}\nCause: {note.cause}" if note.cause else note.lesson
        yield Piece(origin=f"{origin}: {note.why}", text=data(text, origin), relevance=1 / (1 + place))
