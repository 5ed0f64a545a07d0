"""The acceptance commands decide, so what they did must be told truly."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from ringmaster_cli.verify import run_verify
from ringmaster_operator.resources.protocol import VerifyResult


def verify(cwd: Path, *commands: str, limit: float = 30, stop: str | None = None) -> list[VerifyResult]:
    lines: list[str] = []
    return run_verify(
        commands, cwd=cwd, timeout_seconds=limit, env={"PATH": os.environ["PATH"], "WORD": "ünï"},
        should_stop=lambda: stop, on_line=lines.append,
    )  # fmt: skip


def test_commands_run_in_order_up_to_the_first_that_fails(tmp_path: Path) -> None:
    results = verify(tmp_path, "echo one > file", "cat file; echo $WORD >&2", "exit 7", "touch never")
    assert [result.exit_code for result in results] == [0, 0, 7]
    assert results[1].output == "one\nünï\n"
    assert not (tmp_path / "never").exists()


def test_the_environment_is_the_one_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGMASTER_TOKEN_FILE", "/secret")
    assert "/secret" not in verify(tmp_path, "env")[0].output


@pytest.mark.parametrize(
    "command", ["sleep 60", "(sleep 60 &) ; sleep 60", "setsid sleep 60 & trap '' TERM; sleep 60"]
)
def test_at_its_limit_the_whole_tree_of_a_command_ends(tmp_path: Path, command: str) -> None:
    (result,) = verify(tmp_path, command, limit=0.3)
    assert result.exit_code == 124
    assert "ended after 0.3 s, its limit" in result.output
    assert result.seconds < 30
    assert _running_in(tmp_path) == []


def test_what_a_command_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    begun = time.monotonic()
    (result,) = verify(tmp_path, "sleep 60 & echo started")
    assert (result.exit_code, result.output) == (0, "started\n")
    assert time.monotonic() - begun < 20
    assert _running_in(tmp_path) == []


def test_of_much_output_the_end_is_kept(tmp_path: Path) -> None:
    (result,) = verify(tmp_path, "seq 1 3000000; echo the end; exit 1")
    assert result.output.startswith("[...]\n")
    assert result.output.endswith("2999999\n3000000\nthe end\n")
    assert len(result.output) <= 16_384


def test_output_without_line_ends_and_with_control_characters_is_kept_readable(tmp_path: Path) -> None:
    (result,) = verify(tmp_path, "head -c 5000000 /dev/zero | tr '\\0' x; printf '\\033[2J\\007\\377end'")
    assert result.output.endswith("end")
    assert "\x1b" not in result.output
    assert "\x07" not in result.output


def test_a_signal_is_told_as_shells_do(tmp_path: Path) -> None:
    assert verify(tmp_path, "kill -9 $$")[0].exit_code == 137


def test_when_asked_to_stop_nothing_is_started(tmp_path: Path) -> None:
    assert verify(tmp_path, "touch started", stop="the claim is lost") == []
    assert not (tmp_path / "started").exists()


def test_a_running_command_is_stopped(tmp_path: Path) -> None:
    (result,) = run_verify(
        ["touch started; sleep 60"], cwd=tmp_path, timeout_seconds=60, env={"PATH": os.environ["PATH"]},
        should_stop=lambda: "the claim is lost" if (tmp_path / "started").exists() else None,
        on_line=lambda _: None,
    )  # fmt: skip
    assert result.exit_code == 130
    assert "stopped: the claim is lost" in result.output


def _running_in(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["pid", "cwd", "status"]):
        if process.info["cwd"] == str(folder) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.info["pid"])
    return found
