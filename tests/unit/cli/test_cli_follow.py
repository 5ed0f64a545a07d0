"""`worker logs -f` of a tmux session: what comes is shown once, also what has scrolled by at once."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

import pytest

from ringmaster_cli.people.logs import of_tmux

pytestmark = pytest.mark.tmux


def test_what_comes_is_shown_once_until_the_session_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    socket = f"ringmaster-test-{secrets.token_hex(4)}"
    tmux = ["tmux", "-L", socket, "-f", "/dev/null"]
    go = tmp_path / "go"
    text = f"echo one; until [ -e {go} ]; do sleep 0.1; done; seq 1 40; sleep 6"
    size = ("-x", "80", "-y", "10")
    subprocess.run([*tmux, "new-session", "-d", *size, "-s", "w-0", text], check=True, cwd=tmp_path)
    try:
        later = subprocess.Popen(["sh", "-c", f"sleep 1; touch {go}"])
        of_tmux(["tmux", "-L", socket, "attach-session", "-t=w-0"], lines=50, follow=True)
        later.wait()
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
    shown = capsys.readouterr().out.split()
    assert shown == ["one", *(str(number) for number in range(1, 41))]
