"""What sessions leave of their work: the newest stays until the bead is done or its branch is published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ringmaster_operator.history import History
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest
from ringmaster_operator.resources.saved import SavedWork

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
UID = "uid-1"


def work(letter: str) -> SavedWork:
    return SavedWork(branch="ringmaster/b", commit=letter * 40, bundle="aGVsbG8=")


async def report(history: History, fence: int, following: Next, **more: Any) -> None:
    outcome = {"kind": "incomplete", "summary": "half"}
    request = ReportRequest.model_validate(
        {
            "report_id": f"report-{fence}-0000",
            "fence": fence,
            "iteration": 1,
            "outcome": outcome,
            "started_at": NOW,
            "finished_at": NOW,
            **more,
        }
    )
    await history.commit_report(
        bead_uid=UID, namespace="n", bead="b", claim_id=f"claim-{fence}-0000", request=request,
        answer=ReportAnswer(next=following, iteration=1), now=NOW,
    )  # fmt: skip


async def test_the_newest_work_is_kept_until_it_is_needless(history: History) -> None:
    async def kept(after_fence: int = 0) -> str | None:
        found = await history.saved_work(bead_uid=UID, after_fence=after_fence)
        return found.commit[0] if found else None

    assert await kept() is None
    await history.save_work(bead_uid=UID, fence=2, saved=work("a"), now=NOW)
    await history.save_work(bead_uid=UID, fence=1, saved=work("b"), now=NOW)
    assert (await kept(), await kept(2)) == ("a", None)
    await report(history, 3, Next.STOP, saved=work("c").model_dump())
    assert await kept(2) == "c"
    stored = await history.find_report(report_id="report-3-0000")
    assert stored is not None
    assert stored.request.saved is None, "not kept twice"
    await report(history, 4, Next.STOP)
    assert await kept() == "c"
    await report(history, 5, Next.STOP, pushed=True)
    assert await kept() is None
    await report(history, 6, Next.STOP, saved=work("d").model_dump())
    await report(history, 7, Next.DONE)
    assert await kept() is None
