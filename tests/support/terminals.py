"""A person at a terminal: a real tmux that programs run in, keys sent to it, its screen read and recorded."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.clusters import REPOSITORY

CASTS = Path(os.environ.get("RINGMASTER_CASTS", REPOSITORY / "build" / "terminal"))
"""Where recordings (asciicast v2: `asciinema play FILE`) and pictures stay; git ignores it."""
RECORDER = Path(__file__).with_name("recorder.py")
SECONDS = 40.0


@dataclass
class Terminal:
    """One pane, in a tmux server of its own."""

    name: str
    socket: str = field(default_factory=lambda: f"test-{os.getpid()}-{secrets.token_hex(3)}")
    pictures: int = 0

    def start(
        self, command: list[str], env: Mapping[str, str], *, columns: int = 80, lines: int = 24
    ) -> None:
        """Run a command; the screen stays when it ends. What it shows is recorded."""
        CASTS.mkdir(parents=True, exist_ok=True)
        cast = CASTS / f"{self.name}.cast"
        settings = [f"-e{name}={value}" for name, value in env.items()]
        shell = f"{shlex.join(command)}; echo ENDED $?; exec sleep 1000"
        size = ["-x", str(columns), "-y", str(lines)]
        self._tmux("-f", os.devnull, "new-session", "-d", "-s", "t", *size, *settings, "sleep 1000")
        recorder = shlex.join([sys.executable, str(RECORDER), str(cast), str(columns), str(lines)])
        self._tmux("pipe-pane", "-t", "t", recorder)
        self._tmux("set-option", "-g", "default-terminal", "screen-256color")
        self._tmux("respawn-pane", "-k", "-t", "t", *settings, shell)

    def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._tmux("send-keys", "-t", "t", *keys)

    def write(self, text: str) -> None:
        """Type text as it is."""
        self._tmux("send-keys", "-t", "t", "-l", text)

    def paste(self, text: str) -> None:
        """Paste it, marked as pasted where the program wants that."""
        self._tmux("set-buffer", text)
        self._tmux("paste-buffer", "-p", "-t", "t")

    def resize(self, columns: int, lines: int) -> None:
        self._tmux("resize-window", "-t", "t", "-x", str(columns), "-y", str(lines))

    def screen(self, *, styled: bool = False) -> str:
        """What is seen."""
        return self._tmux("capture-pane", "-p", "-t", "t", *(["-e"] if styled else []))

    def until(self, *words: str, seconds: float = SECONDS) -> str:
        """The screen once it has all the words; it is kept as a picture. Raises AssertionError."""
        return self.when(lambda text: all(word in text for word in words), " and ".join(words), seconds)

    def when(self, holds: Callable[[str], bool], what: str, seconds: float = SECONDS) -> str:
        """The screen once that holds of it; it is kept as a picture. Raises AssertionError."""
        deadline = time.monotonic() + seconds
        while not holds(text := self.screen()):
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{text}"
            time.sleep(0.1)
        self.pictures += 1
        (CASTS / f"{self.name}-{self.pictures:02}.txt").write_text(f"{what}\n{text}", encoding="utf-8")
        return text

    def pid(self) -> int:
        """Of the program that was started."""
        shell = int(self._tmux("display-message", "-p", "-t", "t", "#{pane_pid}"))
        found = subprocess.run(["pgrep", "-P", str(shell)], capture_output=True, text=True, check=True)
        return int(found.stdout.split()[0])

    def modes(self) -> str:
        """Whether the other screen is shown, and whether the cursor is."""
        return self._tmux("display-message", "-p", "-t", "t", "#{alternate_on} #{cursor_flag}").strip()

    def title(self) -> str:
        """What a program has called the terminal."""
        return self._tmux("display-message", "-p", "-t", "t", "#{pane_title}").strip()

    def end(self) -> None:
        """End what runs in it; its recording is whole then."""
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True, check=False)
        cast = CASTS / f"{self.name}.cast"
        deadline = time.monotonic() + SECONDS
        while cast.exists() and not _free(cast):
            assert time.monotonic() < deadline, f"{cast} is still being written"
            time.sleep(0.05)

    def _tmux(self, *words: str) -> str:
        env = {name: value for name, value in os.environ.items() if name != "TMUX"}
        command = ["tmux", "-u", "-L", self.socket, *words]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout


def _free(cast: Path) -> bool:
    """Whether nobody writes it."""
    with cast.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def replayed(cast: Path) -> str:
    """The last screen of a recording, as another terminal of its size shows it."""
    head, *events = (json.loads(row) for row in cast.read_text(encoding="utf-8").splitlines())
    shown = cast.with_suffix(".played")
    shown.write_text("".join(event[2] for event in events if event[1] == "o"), encoding="utf-8")
    played = Terminal(f"{cast.stem}-played")
    try:
        # The recording asks the terminal what it is; nobody reads the answer, so it must not be shown.
        play = ["sh", "-c", f"stty -echo; cat {shlex.quote(str(shown))}"]
        played.start(play, {}, columns=head["width"], lines=head["height"])
        return played.until("ENDED 0\nENDED 0").replace("ENDED 0\nENDED 0", "ENDED 0").rstrip()
    finally:
        played.end()


@contextmanager
def terminal(name: str) -> Iterator[Terminal]:
    """A terminal, ended with all that runs in it."""
    made = Terminal(name)
    try:
        yield made
    finally:
        made.end()
