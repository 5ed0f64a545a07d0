"""What is on disk is whole, private, and survives what people and crashes do to it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from ringmaster_cli.exits import CliError, Refused, UsageError
from ringmaster_cli.state import Held, Settings, Spooled, State, write

GOOD = {
    "RINGMASTER_URL": "http://127.0.0.1:1",
    "RINGMASTER_TOKEN_FILE": "/t",
    "RINGMASTER_WORKER": "fleet",
    "RINGMASTER_SESSION": "fleet-0",
    "RINGMASTER_NAMESPACE": "demo",
}
CLAIMED = {"claimId": "claim-0001", "fence": 7, "attempt": 1, "iteration": 2, "bead": {"name": "fix-it"}}


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(Settings.read({**GOOD, "RINGMASTER_HOME": str(tmp_path)}))


def spooled(report_id: str, at: float) -> Spooled:
    return Spooled(claim_id="claim-0001", bead="fix-it", report={"reportId": report_id}, saved_at=at)


def test_a_claim_is_kept_privately_and_let_go(state: State) -> None:
    assert state.held() is None
    state.hold(Held(claimed=CLAIMED, running=True))
    again = state.held()
    assert again is not None
    assert (again.bead, again.fence, again.iteration, again.running) == ("fix-it", 7, 2, True)
    assert stat.S_IMODE(os.stat(state.folder / "claim.json").st_mode) == 0o600
    for folder in ("spool", ".", "..", "../.."):
        assert stat.S_IMODE(os.stat(state.folder / folder).st_mode) == 0o700
    state.let_go()
    assert state.held() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"claimed": {}}', '{"claimed": 3}', "\x00\xff", "null"])
def test_a_damaged_claim_is_no_claim(state: State, text: str) -> None:
    (state.folder / "claim.json").write_text(text, encoding="latin-1")
    assert state.held() is None


def test_fields_of_a_newer_version_are_left_alone(state: State) -> None:
    (state.folder / "claim.json").write_text(json.dumps({"claimed": CLAIMED, "invented": 1}))
    held = state.held()
    assert held is not None
    assert held.bead == "fix-it"


def test_an_unanswered_wish_is_wished_again(state: State) -> None:
    first = state.wish()
    assert state.wish() == first
    state.forget_wish()
    assert state.wish() != first


def test_reports_are_delivered_oldest_first_and_damaged_ones_put_aside(state: State) -> None:
    state.spool(spooled("report-0002", 2.0))
    state.spool(spooled("report-0001", 1.0))
    (state.folder / "spool" / "broken.json").write_text("{")
    assert [item.report_id for item in state.spooled()] == ["report-0001", "report-0002"]
    state.delivered("report-0001")
    kept = state.refused("report-0002")
    assert json.loads(kept.read_bytes())["report"] == {"reportId": "report-0002"}
    assert state.spooled() == []


def test_a_report_that_the_disk_does_not_take_is_still_sent(state: State) -> None:
    (state.folder / "spool").rmdir()
    (state.folder / "spool").write_text("a file in the way")
    said = state.spool(spooled("report-0001", 1.0))
    assert said.startswith("the report is only in memory: ")
    assert state.unsaved
    assert [item.report_id for item in state.spooled()] == ["report-0001"]
    state.delivered("report-0001")
    assert not state.unsaved


def test_a_session_is_worked_by_one_process(state: State, tmp_path: Path) -> None:
    other = State(Settings.read({**GOOD, "RINGMASTER_HOME": str(tmp_path)}))
    with state.alone():
        with pytest.raises(Refused, match="another process works as session fleet-0"), other.alone():
            pass
        elsewhere = State(Settings.read({**GOOD, "RINGMASTER_HOME": str(tmp_path / "2")}))
        with elsewhere.alone():
            pass
    with other.alone():
        pass


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write(target, b"old")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CliError, match=r"folder cannot be written: Is a directory"):
        write(tmp_path / "folder", b"new")
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"RINGMASTER_URL": ""}, "set RINGMASTER_URL: "),
        ({"RINGMASTER_URL": "", "RINGMASTER_WORKER": ""}, "set RINGMASTER_URL, RINGMASTER_WORKER: "),
        ({"RINGMASTER_WORKER": "a b"}, "RINGMASTER_WORKER is not the name of a Worker: 'a b'"),
        ({"RINGMASTER_WORKER": "fleet; rm -rf"}, "RINGMASTER_WORKER"),
        ({"RINGMASTER_SESSION": "../../etc"}, "RINGMASTER_SESSION is not the name of a session"),
        ({"RINGMASTER_SESSION": "x" * 254}, "RINGMASTER_SESSION"),
        ({"RINGMASTER_NAMESPACE": "Ünï"}, "RINGMASTER_NAMESPACE"),
    ],
)
def test_settings_that_cannot_be(change: Mapping[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.read({**GOOD, **change})
    assert str(caught.value).startswith(message)


def test_names_of_253_characters_have_a_folder(tmp_path: Path) -> None:
    long = {**GOOD, "RINGMASTER_SESSION": "s" * 253, "RINGMASTER_NAMESPACE": "n" * 63}
    state = State(Settings.read({**long, "RINGMASTER_HOME": str(tmp_path)}))
    state.hold(Held(claimed=CLAIMED))
    assert state.held() is not None
