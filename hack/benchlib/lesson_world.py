"""Made worlds for `hack/bench lessons`: traps that beads fall into, and what is learned of them."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ringmaster_operator.history import History, Teaching
from ringmaster_operator.recall import Match, Situation, choose
from ringmaster_operator.resources.lesson import LessonOrigin

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REPOSITORY = "git.example/team/app"
SUBJECTS = [
    "kafka consumer",
    "postgres migration",
    "lease scheduler",
    "webhook signature",
    "invoice rounding",
    "oauth callback",
    "image thumbnail",
    "csv importer",
    "search indexer",
    "session cookie",
    "rate limiter",
    "feature flag",
    "email template",
    "audit trail",
    "currency converter",
    "calendar recurrence",
    "pdf renderer",
    "geocoder cache",
    "password reset",
    "websocket gateway",
    "metrics exporter",
    "backup rotation",
    "tenant isolation",
    "payment retry",
    "barcode scanner",
    "timezone picker",
    "markdown sanitizer",
    "graph layout",
    "tokenizer vocabulary",
    "checkpoint loader",
    "dns resolver",
    "tls handshake",
    "thread pool",
    "memory arena",
    "shader compiler",
    "physics solver",
    "audio mixer",
    "font fallback",
    "clipboard bridge",
    "undo stack",
]
SYMPTOMS = (
    (
        "clock",
        "hangs after midnight",
        "never finishes around midnight",
        "freeze the clock with a fixed epoch",
    ),
    (
        "buffer",
        "loses the last record",
        "drops its final record",
        "flush the buffer before closing the handle",
    ),
    ("workers", "fails only in parallel", "breaks when run in parallel", "give each worker a private schema"),
    ("floats", "differs on arm64 machines", "gives odd results on arm64", "compare floats with a tolerance"),
    (
        "unicode",
        "rejects accented names",
        "refuses names with umlauts",
        "normalize unicode to the composed form",
    ),
)
FILLER = (
    "Keep the public interface as it is.", "The tests must pass.", "Write a test for the new behaviour.",
    "See the notes of the last release.", "Users have asked for this twice.", "Do not change the schema.",
    "Mind the style of the module.", "The change should be small.", "Update the documentation as well.",
)  # fmt: skip


@dataclass(frozen=True)
class Trap:
    """Something that goes wrong with a subject, and what helps."""

    subject: str
    part: str
    symptom: str
    other_words: str
    advice: str

    @property
    def path(self) -> str:
        return f"src/{self.subject.split()[0]}/{self.subject.split()[-1]}_{self.part}.py"

    def lesson(self, chance: random.Random) -> str:
        """The lesson in one of several ways to say it."""
        symptom = chance.choice((self.symptom, self.other_words))
        forms = (
            f"When the {self.subject} {symptom}, {self.advice}.",
            f"{self.advice.capitalize()}: otherwise the {self.subject} {symptom}.",
            f"The {self.subject} {symptom} unless you {self.advice}.",
        )
        return chance.choice(forms)


@dataclass(frozen=True)
class Task:
    """A bead with a trap in it."""

    number: int
    trap: Trap
    title: str
    description: str


def traps(seed: int, count: int = 40) -> list[Trap]:
    """So many different ones."""
    every = [Trap(subject, *symptom) for subject in SUBJECTS for symptom in SYMPTOMS]
    return random.Random(seed).sample(every, count)


def tasks(world: list[Trap], count: int, seed: int) -> list[Task]:
    """Beads, each with one of the traps."""
    chance = random.Random(f"{seed} tasks")
    return [task(number, chance.choice(world), chance) for number in range(count)]


def task(number: int, trap: Trap, chance: random.Random) -> Task:
    verb = chance.choice(("Repair", "Extend", "Rework", "Speed up", "Clean up"))
    words = chance.sample(FILLER, 4)
    symptom = chance.choice((trap.symptom, trap.other_words))
    clue = f"It {symptom}." if chance.random() < 0.7 else f"It is in {trap.path}."
    words.insert(chance.randrange(len(words)), clue)
    return Task(number, trap, f"{verb} the {trap.subject}", " ".join(words))


def keyword_count(text: str, lessons: list[tuple[int, str]]) -> list[int]:
    """Lessons by the number of words that they share with a text: what one would do without thinking."""
    words = set(text.lower().split())
    return [
        lesson
        for lesson, said in sorted(
            lessons, key=lambda item: (-len(words & set(item[1].lower().split())), item[0])
        )
    ]


async def rankings(seed: int) -> dict[str, Ranking]:
    """Where the right one of 200 lessons stands for each of 200 beads: by recall, and by counting words."""
    chance = random.Random(f"{seed} ranks")
    every = [Trap(subject, *symptom) for subject in SUBJECTS for symptom in SYMPTOMS]
    with tempfile.TemporaryDirectory() as folder:
        history = await History.open(f"sqlite:///{Path(folder)}/lessons.db")
        try:
            said = {trap: trap.lesson(chance) for trap in every}
            ids = {trap: await taught(history, trap, said[trap]) for trap in every}
            listed = [(ids[trap], said[trap]) for trap in every]
            ours, theirs = Ranking(), Ranking()
            for number, trap in enumerate(every):
                work = task(number, trap, chance)
                text = f"{work.title}\n{work.description}"
                here = Situation(repository=REPOSITORY, paths=(trap.path,) if trap.path in text else ())
                found = await history.matching_lessons(namespace="team", text=text, here=here, now=NOON)
                matches = [match for _, match in found]
                ours.add(ids[trap], [match.lesson.id for match in matches], told(matches))
                order = keyword_count(text, listed)
                theirs.add(ids[trap], order, order[:1])
        finally:
            await history.close()
    return {"recall": ours, "keyword count": theirs}


def told(matches: list[Match]) -> list[int]:
    """What an agent would be told, by the defaults of a project."""
    return [match.lesson.id for match in choose(matches, floor=0.5, most=3, budget=500)]


async def taught(history: History, trap: Trap, text: str) -> int:
    teaching = Teaching(
        namespace="team",
        text=text,
        where=Situation(repository=REPOSITORY, paths=(trap.path,)),
        origin=LessonOrigin.AGENT,
        author="bench",
        bead_uid=f"{trap.subject} {trap.symptom}",
        confidence=0.8,
    )
    added = await history.teach(teaching=teaching, now=NOON)
    assert added is not None
    return added[0]


class Ranking:
    """Figures of one way to find lessons."""

    def __init__(self) -> None:
        self.reciprocal: list[float] = []
        self.first = self.told = self.wrong = 0

    def add(self, right: int, order: list[int], told: list[int]) -> None:
        self.reciprocal.append(1 / (order.index(right) + 1) if right in order else 0.0)
        self.first += order[:1] == [right]
        self.told += right in told
        self.wrong += bool(set(told) - {right})

    @property
    def mean(self) -> float:
        """Mean reciprocal rank."""
        return sum(self.reciprocal) / len(self.reciprocal)

    def row(self) -> str:
        count = len(self.reciprocal)
        return (
            f"{self.mean:.3f} | {self.first / count:.0%} | {self.told / count:.0%} | {self.wrong / count:.0%}"
        )
