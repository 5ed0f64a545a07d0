"""Lessons are found by their rarest words as by all of them, and the same lesson again is known again."""

from __future__ import annotations

import random

import pytest

from ringmaster_operator.history import History, Teaching, lesson_search
from ringmaster_operator.history.lesson_words import rarest
from ringmaster_operator.recall import SAME, Situation, overlap, terms
from ringmaster_operator.resources.lesson import LessonOrigin

from .conftest import NOON

WORDS = ["".join(pair) for pair in zip("bcdfghklmnprstvz" * 12, "aeiouaeiouae" * 16, strict=True)]
REPO = "host/team/repo"
HERE = Situation(repository=REPO)


def vocabulary(chance: random.Random) -> list[str]:
    return ["".join(chance.choice(WORDS) for _ in range(3)) for _ in range(400)]


def sentence(words: list[str], chance: random.Random, count: int) -> list[str]:
    """As in speech: the n-th word is said a n-th as often."""
    return chance.choices(words, [1 / (place + 2) for place in range(len(words))], k=count)


def teaching(text: str, number: int) -> Teaching:
    return Teaching(
        namespace="team",
        text=text,
        where=HERE,
        origin=LessonOrigin.AGENT,
        author="b",
        bead_uid=f"uid-{number}",
    )


def test_the_rarest_words_are_taken_as_far_as_their_postings_go() -> None:
    spread = {"common": 900, "rare": 2, "rarer": 1, "usual": 40}
    assert rarest(spread, 43) == ["rarer", "rare", "usual"]
    assert rarest(spread, 42) == ["rarer", "rare"]
    assert rarest({"common": 900}, 10) == ["common"], "one at least"


async def test_few_postings_find_what_all_of_them_find(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    words = vocabulary(chance)
    texts = [" ".join(sentence(words, chance, 12)) for _ in range(250)]
    others = words[:40]
    await history.teach_all(teachings=[teaching(text, number) for number, text in enumerate(texts)], now=NOON)
    about = [
        " ".join([*chance.sample(text.split(), 7), *sentence(others, chance, 20)]) for text in texts[::10]
    ]

    async def best(text: str) -> list[int]:
        found = await history.matching_lessons(namespace="team", text=text, here=HERE, now=NOON)
        return [match.lesson.id for _, match in found[:1]]

    monkeypatch.setattr(lesson_search, "POSTINGS", 600)
    monkeypatch.setattr(lesson_search, "NEAR", 30)
    few = [await best(text) for text in about]
    monkeypatch.setattr(lesson_search, "POSTINGS", 10**6)
    monkeypatch.setattr(lesson_search, "NEAR", 10**6)
    every = [await best(text) for text in about]
    same = sum(one == other for one, other in zip(few, every, strict=True))
    assert same >= 0.8 * len(about), f"{same} of {len(about)}"


async def test_a_lesson_in_nearly_the_same_words_is_known_among_many(history: History) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    words = vocabulary(chance)
    known: dict[int, list[str]] = {}
    for number in range(120):
        text = sentence(words, chance, 14)
        if known and number % 2:
            text = list(chance.choice(list(known.values())))
            for _ in range(chance.randint(0, 4)):
                text[chance.randrange(len(text))] = chance.choice(words)
        shares = {
            lesson: overlap(terms(" ".join(text)), terms(" ".join(other))) for lesson, other in known.items()
        }
        near = {lesson for lesson, share in shares.items() if share >= SAME}
        told = await history.teach(teaching=teaching(" ".join(text), number), now=NOON)
        assert told is not None
        assert told[1] == (not near), "what is near enough to one is no lesson of its own"
        assert not near or shares[told[0]] == max(shares.values())
        if told[1]:
            known[told[0]] = text
