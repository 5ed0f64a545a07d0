"""Flame graphs of `hack/bench flames`: from a profiler's samples to a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOOP = "run (asyncio/runners.py:190)"
DESK = "Desk.claim (ringmaster_operator/claims/desk.py:98)"
SAMPLES = [
    f"{LOOP};{DESK};loads (json/decoder.py:5) 60",
    f"{LOOP};{DESK.replace('98', '99')};<lambda> (sqlalchemy/a.py:1) 30",
    "Thread._bootstrap (threading.py:1);<listcomp> (sqlalchemy/orm/b.py:7) 9",
    f"{LOOP};{DESK};rare (kopf/_core.py:1) 1",
    f"{LOOP} 7",
]


@pytest.fixture(autouse=True)
def benchlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "hack"))


def test_a_function_is_one_box_whatever_its_lines() -> None:
    from benchlib.flames import read

    stacks = read(SAMPLES)
    assert sum(stacks.values()) == 100  # nothing ran in what is only plumbing
    assert {stack[0] for stack in stacks} == {
        "Desk.claim (ringmaster_operator/claims/desk.py)",
        "<listcomp> (sqlalchemy/orm/b.py)",
    }


def test_python_s_own_modules_count_for_who_calls_them() -> None:
    from benchlib.flames import read, shares

    found = shares(read(SAMPLES))
    assert found["Ringmaster"] == pytest.approx(0.6)
    assert found["SQLAlchemy"] == pytest.approx(0.39)
    assert found["kopf"] == pytest.approx(0.01)
    assert sum(found.values()) == pytest.approx(1)


def test_the_picture_has_a_box_as_wide_as_its_share() -> None:
    from benchlib.flames import LEFT, NARROWEST, WIDTH, draw, read

    stacks = read([*SAMPLES, f"narrow (x.py:1) {int(100 * NARROWEST) or 0}", "wide (x.py:1) 100"])
    text = draw(stacks, "a <claim> & more")
    picture = ElementTree.fromstring(text)
    space = {"svg": "http://www.w3.org/2000/svg"}
    boxes = {
        str(found.findtext("svg:title", None, space)): found.find("svg:rect", space)
        for found in picture.findall("svg:g", space)
    }
    claim = next(box for title, box in boxes.items() if title.startswith("Desk.claim "))
    assert claim is not None
    assert float(claim.attrib["width"]) == pytest.approx((WIDTH - 2 * LEFT) * 91 / 200, abs=1)
    assert not any(title.startswith("narrow") for title in boxes)
    assert "a &lt;claim&gt; &amp; more" in text
    assert "<script" not in text
    assert draw(stacks, "a <claim> & more") == text
