"""A claim of which nobody knows whether it was written, or will be, is not granted another bead."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from ringmaster_operator.claims.doubts import READ_BACK_TRIES
from support.model.explore import Found, steer
from support.model.parts import Choice, Plan

PLAN = Plan(beads={"a": {}, "b": {}}, sessions=2)
SMOOTH = ("turn", "thread", "start", "serve", "answer", "commit", "reply", "watch", "time")
ACTS = {f"s{number} {verb}" for number in range(2) for verb in ("claim", "report")}


@pytest.fixture(autouse=True)
def _no_logs() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Away:
    """The API server takes the first claim and says no more, nor does its watch, until that is asked again.

    Meanwhile another session wants the same bead, so that the first one would be given the other bead.
    """

    def __init__(self) -> None:
        self.done: list[str] = []

    def __call__(self, step: int, choices: list[Choice], state: int) -> Choice:
        wanted = self._wanted()
        found = next((it for words in wanted for it in choices if it.label.startswith(words)), None)
        usual = [it for it in choices if it.label.split()[0] in SMOOTH or it.label in ACTS]
        found = found or next((it for it in usual if not self._held(it.label)), choices[0])
        self.done.append(found.label)
        return found

    @property
    def answers(self) -> int:
        """To the first session's claim."""
        return self.done.count("reply s0 claim")

    def count(self, words: str) -> int:
        return sum(label.startswith(words) for label in self.done)

    def _wanted(self) -> list[str]:
        if "s0 claim" in self.done and not self.count("lost answer"):
            return ["lost answer PATCH"]
        if self.answers == 1:
            return ["turn", "s1 claim", "s0 claim"]
        return ["refused GET"] if self.count("lost answer") and self._silent() else []

    def _silent(self) -> bool:
        return self.count("refused GET") < READ_BACK_TRIES

    def _held(self, label: str) -> bool:
        if self.answers < 1 and label.startswith("s1"):
            return True
        asked = "s0 claim" in self.done and self.answers < 2
        other = (
            self.count("lost answer") and label.startswith(("serve", "answer")) and "PATCH /beads/a" in label
        )
        return asked and bool(label.startswith("watch") or other)


def test_a_claim_in_doubt_is_found_or_has_ended() -> None:
    away, found = Away(), Found()
    steer(PLAN, away, found)
    assert away.count("lost answer PATCH /beads/a") == 1
    assert away.count("refused GET /beads/a") == READ_BACK_TRIES
    assert away.count("s0 claim") > 1
    assert away.count("s0 report") == away.count("s1 report") == 1


class Late(Away):
    """The first claim's patch times out, is not there when read back, and is taken after all, much later.

    Some turns after the read-back another session wants a bead.
    """

    def __init__(self, turns: int) -> None:
        super().__init__()
        self._turns = turns

    def _wanted(self) -> list[str]:
        if "s0 claim" not in self.done:
            return []
        if not self.count("timed out"):
            return ["timed out PATCH /beads/a"]
        read = next(
            (at for at, label in enumerate(self.done) if label.startswith("answer GET /beads/a ")), None
        )
        if read is None:
            return []
        if (after := self.done[read + 1 :]).count("turn") < self._turns:
            return ["turn"]
        if "s1 claim" not in after:
            return ["s1 claim"]
        if self.answers or self.count("serve PATCH /beads/b"):
            return ["late PATCH"]
        return ["serve PATCH /beads/b"]

    def _held(self, label: str) -> bool:
        return not self.answers and label.startswith(("s1", "watch"))


@pytest.mark.parametrize("turns", range(4))
def test_a_claim_whose_patch_may_come_late_gets_no_other_bead(turns: int) -> None:
    late, found = Late(turns), Found()
    steer(PLAN, late, found)
    assert late.count("timed out PATCH /beads/a") == 1
    assert late.count("late PATCH /beads/a") == 1
