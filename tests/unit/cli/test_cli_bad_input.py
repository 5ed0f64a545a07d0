"""What the steps of the CLI say to bad input, bad settings and a lost claim."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringmaster_cli.exits import Exit
from support.desk import Desk
from support.station import Station, one_line, scenario, steps

WRITE = {"write": {"path": "made.txt", "text": "yes\n"}}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--bead", "No Such"], "--bead: 'No Such' is not the name of a bead"),
        (["--bead", "../x"], "is not the name of a bead"),
        (["--bead", "ünï"], "is not the name of a bead"),
        (["--bead", "x" * 254], "is not the name of a bead"),
        (["--bead", "line\nbreak"], "is not the name of a bead"),
    ],
)
def test_names_that_cannot_be(station: Station[Desk], args: list[str], message: str) -> None:
    done = station.run("pull-bead", *args)
    assert done.returncode == Exit.USAGE
    assert message in one_line(done.stderr)
    assert station.desk.calls == []


@pytest.mark.parametrize(
    "args",
    [
        ["no-such-command"],
        ["pull-bead", "--no-such-option"],
        ["pull-bead", "--wait", "soon"],
        ["pull-bead", "--wait", "301"],
        ["run-agent", "--prompt", "not-there.md"],
        ["worker", "spawn", "UPPER"],
        ["worker", "spawn", "ok", "--runtime", "Pod"],
        ["worker", "spawn", "ok", "--image", "x"],
        ["worker", "script", "--agent", "no-such-agent"],
        ["worker", "logs", "ok", "--lines", "0"],
    ],
)
def test_bad_usage(station: Station[Desk], args: list[str]) -> None:
    done = station.run(*args)
    assert done.returncode == Exit.USAGE, done.stderr
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_settings_are_named_when_they_are_missing(station: Station[Desk]) -> None:
    station.extra = {"RINGMASTER_URL": "", "RINGMASTER_WORKER": ""}
    done = station.run("pull-bead")
    assert done.returncode == Exit.USAGE
    assert "set RINGMASTER_URL, RINGMASTER_WORKER:" in one_line(done.stderr)


def test_a_wrong_token_is_refused(station: Station[Desk]) -> None:
    station.token_file.write_text("stale")
    done = station.run("pull-bead")
    assert done.returncode == Exit.REFUSED
    assert "the token is not valid (HTTP 401)" in done.stderr.splitlines()[-1]


def test_a_fault_of_ours_is_one_line_unless_asked_for(station: Station[Desk]) -> None:
    station.desk.fault = lambda method, path: (200, {"claimed": {"claimId": 3}})
    done = station.run("pull-bead")
    assert done.returncode == Exit.INTERNAL
    assert "internal fault: KeyError" in one_line(done.stderr)
    station.extra = {"RINGMASTER_DEBUG": "1"}
    assert "Traceback" in station.run("pull-bead").stderr


def test_a_lost_claim(station: Station[Desk]) -> None:
    station.add(description=scenario(steps(WRITE, {"done": "made it"})))
    assert station.run("pull-bead").returncode == 0
    station.desk.take_away()
    for command in ("build-prompt", "heartbeat", "run-agent"):
        held = (station.state / "claim.json").exists()
        done = station.run(command)
        assert done.returncode == (Exit.LOST if held else Exit.NOTHING), done.stderr
    assert station.desk.reports == {}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--outcome", "great"], "outcome.kind"),
        (["--outcome", "failed", "--reason", "Because"], "outcome.reason"),
        (["--summary", "only words"], "give --outcome"),
    ],
)
def test_a_report_that_would_not_be_valid_is_not_sent(
    station: Station[Desk], args: list[str], words: str
) -> None:
    station.add()
    assert station.run("pull-bead").returncode == 0
    done = station.run("report-result", *args)
    assert done.returncode == Exit.USAGE
    assert words in one_line(done.stderr)
    assert station.desk.reports == {}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "ringmaster-test", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_nothing_is_claimed(station: Station[Desk], small_disk: Path) -> None:
    station.add()
    station.extra = {"RINGMASTER_HOME": str(small_disk)}
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(b"x" * 128 * 1024)
    for command in (["pull-bead"], ["worker", "run", "--once"]):
        done = station.run(*command)
        assert done.returncode == Exit.INTERNAL
        assert "No space left on device (free some space)" in one_line(done.stderr)
    assert station.desk.fence == 0
    filler.unlink()
    assert station.run("pull-bead").returncode == 0
