"""What people do to lessons is taken back from the audit log, as long as it still is so."""

from __future__ import annotations

import random
from typing import Any

from support.front import Browser, Front

PLACE = "namespaces/red/lessons"
TEXT = "Freeze the scheduler clock in lease tests"
OTHER = "Build the parser tables before running the lexer"


async def last(browser: Browser) -> int:
    """The newest change of the namespace."""
    found = (await browser.get("audit", limit=1, namespace="red")).json()["items"]
    return int(found[0]["id"])


async def add(browser: Browser, text: str = TEXT) -> int:
    """The id of a lesson that a person has written down."""
    answer = await browser.post(PLACE, {"lesson": text})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


async def undo(browser: Browser, line: int) -> tuple[int, str]:
    answer = await browser.post(f"audit/{line}/undo")
    return answer.status_code, answer.text


async def state(browser: Browser, lesson: int) -> tuple[str, list[str], str]:
    """All that people change of a lesson."""
    item: dict[str, Any] = (await browser.get(f"{PLACE}/{lesson}")).json()
    return item["state"], item.get("endorsedBy", []), item.get("retiredReason", "")


async def found(browser: Browser, text: str = TEXT) -> list[int]:
    """Lessons that a bead with such words would be told."""
    items = (await browser.get(f"{PLACE}/search", q=text)).json()["items"]
    return [item["id"] for item in items]


async def test_an_added_lesson_is_told_to_nobody_once_that_is_undone(admin: Browser) -> None:
    lesson = await add(admin)
    line = await last(admin)
    assert await undo(admin, line) == (200, (await admin.get(f"audit/{await last(admin)}")).text)
    assert await state(admin, lesson) == ("retired", [], f"change {line} was undone")
    assert await found(admin) == []
    assert (await undo(admin, await last(admin)))[0] == 200, "an undoing is a change like others"
    assert (await state(admin, lesson))[0] == "active"
    assert await found(admin) == [lesson]
    assert (await undo(admin, await last(admin)))[0] == 200
    assert await found(admin) == []


async def test_endorsing_and_retiring_are_taken_back(api: Front, admin: Browser) -> None:
    eve = await api.user(admin, "eve", all="contributor")
    lesson = await add(eve)
    await admin.post(f"{PLACE}/{lesson}/endorse")
    endorsed, both = await last(admin), (await state(admin, lesson))[1]
    assert both == ["user:ada"]
    await eve.post(f"{PLACE}/{lesson}/retire", {"reason": "the clock is injected"})
    status, said = await undo(admin, endorsed)
    assert (status, "user:eve" in said) == (409, True), "what was changed since is named"
    assert (await undo(eve, await last(admin)))[0] == 200
    assert await state(admin, lesson) == ("active", both, ""), "retiring had dropped those who vouched"
    assert await found(admin) == [lesson]
    assert (await undo(eve, endorsed))[0] == 403, "somebody else's change"
    assert (await undo(admin, endorsed))[0] == 200
    assert (await state(admin, lesson))[1] == []
    evidence = (await admin.get(f"{PLACE}/{lesson}")).json()["evidence"]
    assert "withdrawn" in {item["kind"] for item in evidence}


async def test_adding_what_is_known_is_an_endorsement_and_undone_as_one(api: Front, admin: Browser) -> None:
    eve = await api.user(admin, "eve", all="contributor")
    lesson = await add(eve)
    before = await state(admin, lesson)
    assert await add(admin) == lesson
    assert await state(admin, lesson) != before
    assert (await undo(admin, await last(admin)))[0] == 200
    assert await state(admin, lesson) == before


async def test_an_import_is_undone_as_far_as_nobody_touched_it(admin: Browser) -> None:
    known = await add(admin)
    bundle = {
        "namespace": "blue",
        "items": [{"lesson": text} for text in (TEXT, OTHER, "Pin the flaky mirror")],
    }
    done = await admin.post(f"{PLACE}/import", bundle)
    assert done.json() == {"added": 2, "strengthened": 1}
    line = await last(admin)
    [kept] = await found(admin, "flaky mirror")
    [other] = await found(admin, "parser tables lexer")
    await admin.post(f"{PLACE}/{kept}/endorse")
    assert (await undo(admin, line))[0] == 200
    assert [(await state(admin, item))[0] for item in (known, kept, other)] == ["active", "active", "retired"]
    assert (await undo(admin, await last(admin)))[0] == 200
    assert (await state(admin, other))[0] == "active"
    assert (await admin.post(f"{PLACE}/import", bundle)).json() == {"added": 0, "strengthened": 3}
    status, said = await undo(admin, await last(admin))
    assert (status, "nothing to take back" in said) == (409, True)


async def test_all_acts_undone_in_turn_leave_a_lesson_as_it_was(api: Front, admin: Browser) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    crowd = [admin, await api.user(admin, "eve", all="contributor")]
    lesson = await add(admin)
    before, lines = await state(admin, lesson), []
    for _ in range(12):
        known, act = await state(admin, lesson), chance.choice(["endorse", "retire"])
        answer = await chance.choice(crowd).post(f"{PLACE}/{lesson}/{act}", {} if act == "retire" else None)
        assert answer.status_code == 200, answer.text
        if await state(admin, lesson) != known:
            lines.append((await last(admin), known))
    assert lines
    for line, known in reversed(lines):
        assert (await undo(admin, line))[0] == 200
        assert await state(admin, lesson) == known
        assert await found(admin) == ([lesson] if known[0] == "active" else [])
    assert await state(admin, lesson) == before
