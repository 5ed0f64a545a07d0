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
    seen, shown = _look(tmux, pane, "-J", "-S", f"-{lines}")
    print("\n".join(plain(shown).rstrip("\n").splitlines()[-lines:]), flush=True)
    while follow:
        time.sleep(LOOK_SECONDS)
        try:
            seen = _more(tmux, pane, seen)
        except Refused:
            return  # the session has ended


def _more(tmux: list[str], pane: str, seen: int) -> int:
    """Print the lines beyond the first `seen` of all that the pane had; how many those are now."""
    if _lines(_ask([*tmux, *_counted(pane)])) <= seen:
        return seen
    total, whole = _look(tmux, pane, "-S", "-")
    print(plain("\n".join(whole.split("\n")[seen:total])).rstrip("\n"), flush=True)
    return total


def _look(tmux: list[str], pane: str, *part: str) -> tuple[int, str]:
    """Finished lines that the pane had, and a part of what it shows, both at the same moment."""
    said = _ask([*tmux, *_counted(pane), ";", "capture-pane", "-p", *part, "-t", pane])
    counted, _, shown = said.partition("\n")
    return _lines(counted), shown


def _counted(pane: str) -> list[str]:
    return ["display-message", "-p", "-t", pane, "#{history_size} #{cursor_y}"]


def _lines(counted: str) -> int:
    """Lines above the screen, and finished ones on it."""
    return sum(map(int, counted.split()))


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
