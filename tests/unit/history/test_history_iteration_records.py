"""Records of iterations in both databases: whose they are, that they are kept once, and how they go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ringmaster_operator.claims.caller import Caller
from ringmaster_operator.claims.records import MIB, Records
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, NewRecord
from ringmaster_operator.resources.records import MAX_JSON, RecordKind, RecordsRequest, inflated, packed

from .conftest import NOON, Work

Make = Callable[..., Work]
PROMPT: dict[str, Any] = {"segments": [{"text": "Do it. ✓"}], "digest": "0" * 64}
ME = Caller(namespace="team", worker="builders", pod="builders-0")


def service(history: History, **more: Any) -> Records:
    clock = Clock(now=lambda: NOON, monotonic=lambda: 0.0)
    return Records(history=history, clock=clock, **{"days": 30, "mib": 1, **more})


def wish(content: dict[str, Any] = PROMPT, *, kind: str = "prompt", fence: int = 1) -> RecordsRequest:
    return RecordsRequest.model_validate(
        {"fence": fence, "records": [{"kind": kind, "data": packed(content), "truncated": True}]}
    )


async def reported(make: Make, **fields: Any) -> tuple[Work, str]:
    """A claim with one report, and the report's id."""
    claim = make(**fields)
    await claim.start()
    request = claim.request()
    await claim.report(request)
    return claim, request.report_id


async def iteration(history: History, claim: Work) -> int:
    (found,) = await history.iterations_before(bead_uid=claim.uid, before=None, limit=1)
    return found.id


async def test_a_record_is_kept_once_and_read_as_it_came(history: History, work: Make) -> None:
    claim, report_id = await reported(work)
    desk = service(history)
    first = await desk.take(ME, claim.claim_id, report_id, wish())
    again = await desk.take(ME, claim.claim_id, report_id, wish({**PROMPT, "tokens": 7}))
    assert (first.kept, again.kept) == ([RecordKind.PROMPT], [])
    number = await iteration(history, claim)
    [known] = await history.records_of(iteration_id=number)
    assert (known.kind, known.truncated, known.at) == ("prompt", True, NOON)
    found = await history.record_content(iteration_id=number, kind="prompt")
    assert found is not None
    assert inflated(found[1]).decode() == '{"segments":[{"text":"Do it. ✓"}],"digest":"' + "0" * 64 + '"}'
    assert found[0].size == len(inflated(found[1]))
    assert await history.record_content(iteration_id=number, kind="diff") is None
    assert await history.iteration_of(bead_uid="another", iteration_id=number) is None


@pytest.mark.parametrize(
    ("who", "claim_id", "report_id", "fence", "code"),
    [
        (Caller("elsewhere", "builders"), None, None, 1, "not_found"),
        (Caller("team", "others"), None, None, 1, "forbidden"),
        (Caller("team", "builders", pod="builders-1"), None, None, 1, "forbidden"),
        (ME, None, None, 2, "fenced"),
        (ME, "claim-uid-2-1", None, 1, "not_found"),
        (ME, None, "report-uid-2-1-1", 1, "not_found"),
        (ME, None, "never-reported", 1, "not_found"),
    ],
)
async def test_nobody_writes_records_of_others(
    history: History,
    work: Make,
    who: Caller,
    claim_id: str | None,
    report_id: str | None,
    fence: int,
    code: str,
) -> None:
    mine, own = await reported(work)
    await reported(work, uid="uid-2", bead="other", worker="others")
    with pytest.raises(Refused) as refused:
        await service(history).take(who, claim_id or mine.claim_id, report_id or own, wish(fence=fence))
    assert refused.value.code == code
    assert await history.record_sizes() == {}


BOMB = {"segments": [{"text": "0" * (MAX_JSON + 1)}], "digest": "0" * 64}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (wish({"segments": 3}), "prompt: segments"),
        (wish(BOMB), "more than"),
        (wish({"results": []}, kind="checks"), "part of the report"),
        (
            wish({"patch": "x", "files": [{"path": "a", "status": "<b>"}]}, kind="diff"),
            "diff: files.0.status",
        ),
    ],
    ids=["shape", "bomb", "checks", "diff"],
)
async def test_what_is_no_record_is_refused(
    history: History, work: Make, request_: RecordsRequest, words: str
) -> None:
    claim, report_id = await reported(work)
    with pytest.raises(Refused, match=words) as refused:
        await service(history).take(ME, claim.claim_id, report_id, request_)
    assert refused.value.code == "invalid"


@pytest.mark.parametrize("data", ["%%%", "aGVsbG8=", packed(PROMPT)[:-8]])
async def test_what_is_not_packed_is_refused(history: History, work: Make, data: str) -> None:
    claim, report_id = await reported(work)
    request = RecordsRequest.model_validate({"fence": 1, "records": [{"kind": "prompt", "data": data}]})
    with pytest.raises(Refused, match="data is not"):
        await service(history).take(ME, claim.claim_id, report_id, request)


async def test_with_no_days_nothing_is_kept(history: History, work: Make) -> None:
    claim, report_id = await reported(work)
    answer = await service(history, days=0).take(ME, claim.claim_id, report_id, wish())
    assert answer.kept == []
    assert await history.record_sizes() == {}


async def test_the_old_ones_go_by_age_and_for_room(history: History, work: Make) -> None:
    ages = {"old": 31, "first": 3, "second": 2, "third": 1}
    for number, (bead, days) in enumerate(ages.items(), 1):
        claim, _ = await reported(work, uid=bead, bead=bead, fence=number)
        await history.keep_records(
            iteration_id=await iteration(history, claim),
            namespace="team",
            records=[NewRecord(kind="diff", size=1, truncated=False, content=b"x" * (MIB * 2 // 5))],
            now=NOON - timedelta(days=days),
        )
    await service(history).tidy()
    left = [
        bead
        for bead in ages
        if await history.records_of(iteration_id=await iteration(history, work(uid=bead, bead=bead)))
    ]
    assert left == ["second", "third"]
    assert await history.record_sizes() == {"team": 2 * (MIB * 2 // 5)}
