"""What a session shows, told alike for pods (by the API server) and for tmux (by tmux on this machine)."""

from __future__ import annotations

import shlex
import subprocess
import time
from typing import TYPE_CHECKING

from ringmaster_cli.agents.terminal import plain
from ringmaster_cli.exits import CliError, Refused

if TYPE_CHECKING:
    from ringmaster_cli.people.cluster import Cluster

LOOK_SECONDS = 1.0
CONTAINER = "worker"


def of_pod(cluster: Cluster, session: str, *, lines: int, follow: bool) -> None:
    """Print the end of the pod's output; with follow, what comes until the pod ends."""
    rest = ""
    for piece in cluster.pod_output(session, container=CONTAINER, lines=lines, follow=follow):
        whole, newline, rest = (rest + piece).rpartition("\n")
        if newline:
            print(plain(whole), flush=True)
    if rest:
        print(plain(rest), flush=True)


def of_tmux(command: list[str], *, lines: int, follow: bool) -> None:
    """Print the end of the pane that this attach command shows; with follow, what comes until it is gone."""
    if command[:1] != ["tmux"] or "attach-session" not in command:
        raise Refused(f"the output of this session is seen with: {shlex.join(command)}")
    tmux = command[: command.index("attach-session")]
    pane = f"{command[-1].removeprefix('-t')}:"  # as one word: -t=NAME
    seen = _written(tmux, pane) if follow else 0
    shown = plain(_ask([*tmux, "capture-pane", "-p", "-J", "-S", f"-{lines}", "-t", pane]))
    print("\n".join(shown.rstrip("\n").splitlines()[-lines:]), flush=True)
    while follow:
        time.sleep(LOOK_SECONDS)
        try:
            seen = _more(tmux, pane, seen)
        except Refused:
            return  # the session has ended


def _more(tmux: list[str], pane: str, seen: int) -> int:
    """Print the lines beyond the first `seen` of all that the pane had; how many those are now."""
    history, _ = _lines(tmux, pane)
    total = _written(tmux, pane)
    if total > seen:
        span = ("-S", str(seen - history), "-E", str(total - 1 - history))
        print(plain(_ask([*tmux, "capture-pane", "-p", *span, "-t", pane])).rstrip("\n"), flush=True)
    return total


def _written(tmux: list[str], pane: str) -> int:
    return sum(_lines(tmux, pane))


def _lines(tmux: list[str], pane: str) -> tuple[int, int]:
    """Lines above the screen, and finished ones on it."""
    history, cursor = _ask(
        [*tmux, "display-message", "-p", "-t", pane, "#{history_size} #{cursor_y}"]
    ).split()
    return int(history), int(cursor)


def _ask(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=15, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise CliError(f"tmux cannot be asked: {fault}") from fault
    if done.returncode:
        words = plain(done.stderr.strip())
        raise Refused(
            f"tmux on this machine does not show that session ({words}); it may run on another host"
        )
    return done.stdout
