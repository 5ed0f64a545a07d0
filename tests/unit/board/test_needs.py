"""What beads ask of a Worker: the same object for all that ask for the same."""

from __future__ import annotations

import weakref

from ringmaster_operator.board.matching import MANY_LABELS, needs
from ringmaster_operator.resources.bead import Bead
from support.manifests import bead


def read(name: str, labels: dict[str, str] | None = None, **spec: object) -> Bead:
    body = bead(name, **spec)
    body["metadata"]["labels"] = labels or {}
    return Bead.read(body)


def test_beads_that_ask_for_the_same_share_it() -> None:
    one, two = (needs(read(name, {"team": "a"}, capabilities=["go", "sql"])) for name in ("one", "two"))
    assert one is two
    assert one.capabilities == {"go", "sql"}
    assert one.labels == {("team", "a")}


def test_another_word_is_another_need() -> None:
    plain = needs(read("plain"))
    others = [
        needs(read("sure", minConfidence=0.9)),
        needs(read("labelled", {"team": "a"})),
        needs(read("able", capabilities=["go"])),
        needs(read("picky", routing={"workerSelector": {"zone": "b"}})),
        needs(read("modelled", routing={"model": "large"})),
    ]
    assert len({plain, *others}) == 6


def test_very_many_labels_go_with_their_bead() -> None:
    labels = {f"l{number}": "v" for number in range(MANY_LABELS + 1)}
    body = read("labelled", labels)
    wanted = needs(body)
    assert wanted == needs(body)
    assert wanted.labels == labels.items()
    kept = weakref.ref(wanted.labels)
    del wanted
    assert kept() is None
