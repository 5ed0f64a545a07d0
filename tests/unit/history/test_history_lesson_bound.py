"""How many lessons are active in a namespace is bounded: the one confirmed longest ago gives way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ringmaster_operator.history import History, Teaching, lessons
from ringmaster_operator.recall import Situation
from ringmaster_operator.resources.lesson import LessonOrigin, LessonState

from .conftest import NOON


def teaching(word: str, namespace: str = "team") -> Teaching:
    return Teaching(
        namespace=namespace,
        text=f"Restart the {word} broker weekly",
        where=Situation(),
        origin=LessonOrigin.AGENT,
        bead_uid=f"uid-{word}",
    )


async def test_beyond_the_bound_the_one_confirmed_longest_ago_is_retired(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "MOST", 3)
    await history.teach(teaching=teaching("kafka", "other"), now=NOON)
    for number, word in enumerate(("kafka", "redis", "nginx")):
        await history.teach(teaching=teaching(word), now=NOON + timedelta(hours=number))
    again = Teaching(
        namespace="team",
        text="Restart the kafka broker weekly",
        where=Situation(),
        origin=LessonOrigin.AGENT,
        bead_uid="uid-again",
    )
    await history.teach(teaching=again, now=NOON + timedelta(hours=5))
    await history.teach(teaching=teaching("vault"), now=NOON + timedelta(hours=6))
    found = await history.lessons_in(namespace="team", state=LessonState.RETIRED)
    assert [(item.known.text.split()[2], item.retired_reason) for item in found] == [
        ("redis", "more than 3 lessons")
    ]
    assert await history.lesson_counts(namespace="other") == {"active": 1}
