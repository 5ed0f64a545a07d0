"""The client against a server that misbehaves in every way that an operator, or a proxy, can."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringmaster_cli.client import Api
from ringmaster_cli.exits import (
    ClaimEnded,
    Fenced,
    Invalid,
    Refused,
    Unauthenticated,
    Unreachable,
    UsageError,
)
from support.desk import Desk, bead
from support.served import Body

CLAIM = {"claimId": "claim-0001", "worker": "fleet", "session": "fleet-0", "waitSeconds": 0}


@pytest.fixture
def token(tmp_path: Path, desk: Desk) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{desk.token}\n")
    return path


OPEN: list[Api] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def api(desk: Desk, token: Path, **more: Any) -> Api:
    OPEN.append(Api(url=desk.url, token_file=token, **more))
    return OPEN[-1]


def claimed(desk: Desk, client: Api) -> Body:
    desk.beads.append(bead())
    body: Body = client.claim(CLAIM)["claimed"]
    return body


def report(claim: Body, **more: Any) -> Body:
    return {
        "reportId": "report-0001",
        "fence": claim["fence"],
        "iteration": 1,
        "outcome": {"kind": "success"},
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:01:00Z",
        **more,
    }


def test_a_restart_of_the_server_is_outlived(desk: Desk, token: Path) -> None:
    client = api(desk, token, patience=20.0)
    claim = claimed(desk, client)
    desk.stop()
    later = threading.Timer(1.0, desk.start)
    later.start()
    answer = client.report(claim["claimId"], report(claim))
    later.join()
    assert answer["next"] == "done"
    assert list(desk.reports) == ["report-0001"]


def test_an_answer_that_is_lost_is_asked_for_again_and_counts_once(desk: Desk, token: Path) -> None:
    client = api(desk, token)
    claim = claimed(desk, client)
    lost = iter(["act", "act"])
    desk.fault = lambda method, path: next(lost, None) if path.endswith("/reports") else None
    assert client.report(claim["claimId"], report(claim))["next"] == "done"
    assert len(desk.reports) == 1
    assert desk.calls.count("POST /api/v1/claims/claim-0001/reports") == 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_storm_of_passing_errors_is_waited_out(desk: Desk, token: Path, status: int) -> None:
    storm = iter([(status, {"title": "later", "detail": "not now"})] * 3)
    desk.fault = lambda method, path: next(storm, None)
    told: list[str] = []
    answer = api(desk, token, sleep=lambda _: None, on_trouble=told.append).claim(CLAIM)
    assert answer["none"]["verdict"] == "nothing"
    assert told == [f"not now (HTTP {status})"] * 3


def test_patience_ends_with_a_message_that_names_the_address(desk: Desk, token: Path) -> None:
    desk.stop()
    with pytest.raises(Unreachable, match=f"operator at {desk.url} cannot be reached: Connection refused"):
        api(desk, token, patience=0.3).claim(CLAIM)


def test_a_process_that_is_to_end_is_less_patient(
    desk: Desk, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringmaster_cli.client.HURRIED_SECONDS", 0.3)
    desk.stop()
    naps: list[float] = []
    with pytest.raises(Unreachable):
        api(desk, token, patience=1e9, hurried=lambda: True, sleep=naps.append).claim(CLAIM)
    assert len(naps) < 5


def test_a_renewed_token_is_read_from_its_file(desk: Desk, token: Path) -> None:
    desk.token = "renewed"
    client = api(desk, token, sleep=lambda _: token.write_text("renewed"))
    assert client.claim(CLAIM)["none"]["verdict"] == "nothing"
    assert len(desk.calls) == 2


def test_a_token_that_stays_wrong_is_refused_soon(desk: Desk, token: Path) -> None:
    desk.token = "another"
    with pytest.raises(Unauthenticated, match=r"the token is not valid \(HTTP 401\)"):
        api(desk, token, patience=0.4).claim(CLAIM)


@pytest.mark.parametrize(
    ("content", "kind"), [(None, UsageError), ("", Unauthenticated), ("two words", Unauthenticated)]
)
def test_a_token_file_that_holds_none(desk: Desk, token: Path, content: str | None, kind: type) -> None:
    token.unlink()
    if content is not None:
        token.write_text(content)
    with pytest.raises(kind, match=r"RINGMASTER_TOKEN_FILE: .*token"):
        api(desk, token, patience=0).claim(CLAIM)
    assert desk.calls == []


def test_problems_become_their_exceptions(desk: Desk, token: Path) -> None:
    client = api(desk, token)
    claim = claimed(desk, client)
    with pytest.raises(Fenced, match="fence 99 is not"):
        client.work("claim-0001", 99)
    with pytest.raises(ClaimEnded, match="there is no such claim"):
        client.work("claim-9999", 1)
    with pytest.raises(Invalid, match="reportId"):
        client.report("claim-0001", report(claim, reportId="short"))
    client.release("claim-0001", claim["fence"], "x" * 10_000)
    with pytest.raises(ClaimEnded):
        client.heartbeat("claim-0001", {"fence": claim["fence"]})
    assert desk.released == [("fix-it", "x" * 4096)]


@pytest.mark.parametrize(
    "answer",
    [(404, {}), (200, [1]), (301, {}), (418, {"no": "code"})],  # an ingress, another program, a redirect
)
def test_a_server_that_is_not_ours_is_named(desk: Desk, token: Path, answer: tuple[int, Any]) -> None:
    desk.fault = lambda method, path: answer
    with pytest.raises(Refused, match=r"does not answer as Ringmaster's API does \(HTTP \d+\)"):
        api(desk, token).claim(CLAIM)


def test_a_connection_that_was_closed_meanwhile_costs_no_pause(desk: Desk, token: Path) -> None:
    client = api(desk, token, patience=0)
    client.claim(CLAIM)
    desk.stop()
    desk.start()
    assert "none" in client.claim(CLAIM)


def test_unicode_and_lone_surrogates_go_through(desk: Desk, token: Path) -> None:
    client = api(desk, token)
    claim = claimed(desk, client)
    client.report(claim["claimId"], report(claim, finalText="żółć 🎪 \x00 \ud800 end"))
    (kept,) = desk.reports.values()
    assert kept.final_text.startswith("żółć 🎪 ")
    assert kept.final_text.endswith(" ? end")


@pytest.mark.parametrize("url", ["ftp://x", "http://", "https://user:secret@host", "http://h/?q=1", "x"])
def test_an_address_that_cannot_be_used(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="RINGMASTER_URL is not usable") as caught:
        Api(url=url, token_file=tmp_path / "token")
    assert "secret" not in str(caught.value)
