"""Which namespaces may have lessons: where nothing was ever taught, no claim has to ask for any.

It holds for the only writer of a database. What is taught notes its namespace before it is committed, so a
namespace that is not noted has none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from sqlmodel import Session, select

from ringmaster_operator.history.lesson_tables import LessonRow

TAUGHT = "taught"
"""Where a writing session's info has it."""


class Taught:
    """Noted by the writer's thread, asked by the event loop."""

    def __init__(self) -> None:
        self._namespaces: set[str] = set()
        self._complete = False

    def add(self, namespace: str) -> None:
        """A lesson is being written there."""
        self._namespaces.add(namespace)

    async def may_have(self, namespace: str, load: Callable[[], Awaitable[Iterable[str]]]) -> bool:
        """Whether there may be lessons; `load` reads what was there before, and may raise HistoryError."""
        if not self._complete:
            self._namespaces.update(await load())
            self._complete = True
        return namespace in self._namespaces

    def lacks(self, namespace: str) -> bool:
        """Whether it is certain that nothing was ever taught there."""
        return self._complete and namespace not in self._namespaces


def note(db: Session, namespace: str) -> None:
    """To be called by whatever writes a lesson that can be found."""
    taught = db.info.get(TAUGHT)
    if isinstance(taught, Taught):
        taught.add(namespace)


def untaught(db: Session, namespace: str) -> bool:
    """Whether no lesson can be there, nor any use of one."""
    taught = db.info.get(TAUGHT)
    return isinstance(taught, Taught) and taught.lacks(namespace)


def taught_namespaces(db: Session) -> list[str]:
    """Where there is any lesson, active or retired."""
    return list(db.exec(select(LessonRow.namespace).distinct()))
