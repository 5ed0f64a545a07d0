"""Each point of the agent image contract, met and broken for real as far as this machine can break it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ringmaster_cli.image import checks

PROGRAMS = ("git", "tmux", "sh", "env", "bash", "true", "sleep")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH: what a small image has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in PROGRAMS:
        real = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (folder / name).symlink_to(real)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("check", [checks.git, checks.shell], ids=["git", "shell"])
def test_programs_that_are_there_pass(path: Path, check: Callable[[], str]) -> None:
    assert check()


@pytest.mark.tmux
def test_tmux_that_is_there_passes(path: Path) -> None:
    assert checks.tmux()[0].isdigit()


@pytest.mark.parametrize(
    ("missing", "check", "words"),
    [
        ("git", checks.git, "git is missing: install it"),
        ("tmux", checks.tmux, "tmux is missing: install it"),
        ("bash", checks.shell, "bash is missing"),
        ("sh", checks.shell, "sh, or env --chdir, fails with 127"),
    ],
)
def test_a_missing_program_is_named(path: Path, missing: str, check: Callable[[], str], words: str) -> None:
    (path / missing).unlink()
    with pytest.raises(checks.Broken, match=words):
        check()


def test_a_program_that_fails_says_its_last_line(path: Path) -> None:
    program(path / "git", "echo first >&2; echo no such library >&2; exit 127")
    with pytest.raises(checks.Broken, match=r"^git fails with 127: no such library$"):
        checks.git()


def test_a_program_of_another_machine_is_told(path: Path) -> None:
    (path / "git").unlink()
    (path / "git").write_bytes(b"\x7fELF" + bytes(60))
    (path / "git").chmod(0o755)
    with pytest.raises(checks.Broken, match="git cannot be started: Exec format error"):
        checks.git()


def test_a_program_that_hangs_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "SECONDS", 0.2)
    program(path / "git", "exec sleep 60")
    with pytest.raises(checks.Broken, match=r"git did not end within 0\.2 s"):
        checks.git()


def test_the_command_must_be_on_the_path(path: Path) -> None:
    with pytest.raises(checks.Broken, match="ringmaster is not on the PATH"):
        checks.own_command()
    program(path / "ringmaster", "echo 1.2.3")
    assert checks.own_command() == f"{path}/ringmaster 1.2.3"


def test_tini_is_started_from_where_pods_expect_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "TINI", str(tmp_path / "tini"))
    with pytest.raises(checks.Broken, match="tini is missing: install tini, or link it there"):
        checks.tini()
    program(tmp_path / "tini", 'test "$*" = "-s -- true"')
    assert checks.tini() == str(tmp_path / "tini")


def test_folders_must_be_writable(tmp_path: Path) -> None:
    assert checks.writable(str(tmp_path), "HOME") == str(tmp_path)
    with pytest.raises(checks.Broken, match="HOME is not set"):
        checks.writable("", "HOME")
    with pytest.raises(checks.Broken, match=r"the workspace \(/proc/1\) cannot be written: .*mount a volume"):
        checks.writable("/proc/1", "the workspace")
    assert not list(tmp_path.iterdir())


def test_a_locale_without_unicode_is_refused() -> None:
    assert "UTF-8" in _in_process("checks.utf8()", LC_ALL="C.UTF-8")
    assert "set LANG=C.UTF-8" in _in_process("checks.utf8()", LC_ALL="POSIX", PYTHONCOERCECLOCALE="0")
    assert "unknown locale" in _in_process("checks.utf8()", LC_ALL="xx_XX.UTF-8")


def test_signals_that_the_entry_point_ignores_are_named() -> None:
    # Whoever runs these tests may have told them to ignore some (nohup, a job in the background).
    fresh = "import signal; [signal.signal(n, signal.SIG_DFL) for n in (1, 2, 15)]; "
    assert "heard" in _in_process(f"{fresh}checks.signals()")
    ignoring = f"{fresh}signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    assert "SIGTERM is ignored or blocked" in _in_process(f"{ignoring}checks.signals()")
    blocking = f"{fresh}signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]); "
    assert "SIGINT is ignored or blocked" in _in_process(f"{blocking}checks.signals()")


def test_orphans_that_nobody_reaps_are_found() -> None:
    # The process that looks takes the place of a process 1 that reaps nobody (PR_SET_CHILD_SUBREAPER).
    adopting = (
        "import ctypes; assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0; checks.REAP_SECONDS = 0.6; "
    )
    assert "nobody reaps orphans: start the image by tini" in _in_process(f"{adopting}checks.orphans()")


def test_certificates_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "ca.crt"
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with pytest.raises(checks.Broken, match="install ca-certificates, or set SSL_CERT_FILE"):
        checks.certificates()
    bundle.write_text("certificates")
    assert checks.certificates() == str(bundle)


def test_the_profiles_program_must_start(path: Path) -> None:
    with pytest.raises(checks.Broken, match="claude is not on the PATH of this session: npm install"):
        checks.agent("claude-code", None, ())
    program(path / "claude", "echo 9.9 '(Claude Code)'; echo more")
    assert checks.agent("claude-code", None, ()) == "claude 9.9 (Claude Code)"
    program(path / "claude", "echo needs node >&2; exit 1")
    with pytest.raises(checks.Broken, match="claude fails with 1: needs node"):
        checks.agent("claude-code", None, ())


def test_an_agent_of_ones_own(path: Path) -> None:
    with pytest.raises(checks.Broken, match="give the Worker's with --command"):
        checks.agent("generic", None, ())
    with pytest.raises(checks.Broken, match="unknown agent profile 'nobody'"):
        checks.agent("nobody", None, ())
    with pytest.raises(checks.Broken, match=r"robot is not on the PATH of this session$"):
        checks.agent("generic", "robot", ())
    assert checks.agent("generic", "sleep", ()) == "sleep is there"


def test_the_command_prints_a_line_a_point_and_ends_with_1(path: Path, tmp_path: Path) -> None:
    (path / "git").unlink()
    place = {"HOME": str(tmp_path), "RINGMASTER_HOME": str(tmp_path), "PATH": str(path), "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "ringmaster_cli", "image", "check"]
    shown = subprocess.run(command, env=place, capture_output=True, text=True, check=False)
    assert shown.returncode == 1
    assert "FAIL  git           git is missing: install it" in shown.stdout.splitlines()
    assert f"ok    home          {tmp_path}" in shown.stdout.splitlines()
    assert "ringmaster: this image cannot be a worker yet: " in shown.stderr
    asked = subprocess.run([*command, "--json"], env=place, capture_output=True, text=True, check=False)
    answer = json.loads(asked.stdout)
    assert answer["passed"] is False
    assert [point["name"] for point in answer["points"]][:2] == ["user", "home"]
    assert asked.returncode == 1


def test_an_image_that_keeps_all_points_passes(path: Path, tmp_path: Path) -> None:
    """With the points that only a container can keep taken as kept."""
    found = {item.name: item for item in checks.examine(command="sleep")}
    assert found["agent"] == checks.Finding("agent", True, "sleep is there")
    assert list(found)[-1] == "agent"
    assert "agent" not in {item.name for item in checks.examine()}


def _in_process(expression: str, **env: str) -> str:
    """The result, or what is wrong, in a process of its own."""
    *before, call = expression.split("; ")
    code = "\n".join(
        [
            "from ringmaster_cli.image import checks",
            *before,
            f"try: print({call})",
            "except checks.Broken as fault: print(fault)",
        ]
    )
    clean = {"PATH": os.defpath, **env}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_contract_is_what_pods_are_made_with() -> None:
    from ringmaster_operator.runtimes.pod import manifest

    assert (manifest.INIT[0], manifest.WORKSPACE) == (checks.TINI, checks.WORKSPACE)
    page = (Path(__file__).parents[3] / "docs" / "agent-image.md").read_text(encoding="utf-8")
    start = " ".join([*manifest.INIT, "ringmaster worker run"])
    for fact in (start, manifest.HOME, f"TERM {manifest.GRACE_SECONDS} s", str(manifest.GROUP_ID)):
        assert fact in page, fact
