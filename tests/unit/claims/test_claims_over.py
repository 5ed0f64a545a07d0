"""A claim whose end is in the history counts for nothing, also where its bead does not say so yet."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from ringmaster_operator.resources.bead import OutcomeKind
from support.model.explore import Found, steer
from support.model.parts import Choice, Plan

PLAN = Plan(beads={"a": {}}, sessions=1, outcomes={("a", 1, 1): OutcomeKind.FAILED})
SMOOTH = ("turn", "thread", "start", "serve", "answer", "commit", "reply", "watch", "time")


@pytest.fixture(autouse=True)
def _no_logs() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Silent:
    """The session is silent for longer than its lease; what gives its bead back times out, and it reports."""

    def __init__(self, *, crash: bool) -> None:
        self.done: list[str] = []
        self._then = ("crash", "start") if crash else ()

    def __call__(self, step: int, choices: list[Choice], state: int) -> Choice:
        wanted = next((it for words in self._wanted() for it in choices if it.label.startswith(words)), None)
        silent = "reply s0 claim" in self.done and not self.reported
        names = SMOOTH if silent else (*SMOOTH, "s0 claim", "s0 report")
        usual = [it for it in choices if it.label.startswith(names)]
        found = wanted or (usual or choices)[0]
        self.done.append(found.label)
        return found

    @property
    def given_back(self) -> bool:
        """Tried to, at least."""
        return any(label.startswith("timed out") for label in self.done)

    @property
    def reported(self) -> bool:
        return "s0 report" in self.done

    def _wanted(self) -> list[str]:
        if "reply s0 claim" not in self.done:
            return []
        if not self.given_back:
            return ["timed out PATCH /beads/a"]
        left = [label for label in self._then if label not in self.done[5:]]
        return left[:1] or ([] if self.reported else ["s0 report", "turn", "thread", "serve GET", "answer"])


@pytest.mark.parametrize("crash", [False, True])
def test_a_bead_that_is_being_given_back_takes_no_report(crash: bool) -> None:
    silent, found = Silent(crash=crash), Found()
    steer(PLAN, silent, found)  # its laws: what counts in the history counts in the status
    assert silent.given_back
    assert silent.done.count("s0 report") == 3  # one that came too late, a failed attempt, one that succeeds
    assert silent.done.count("crash") == crash
