"""`ringmaster ask` inside a run: the agent's question reaches its worker through a folder, and the answer
comes back the same way. The agent itself never speaks to the operator.

The folder is a temporary one, because sandboxes of agents let them write there and in the worktree only.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from pydantic import ValidationError

from ringmaster_cli.state import load
from ringmaster_operator.resources.protocol import Question

FOLDER = "RINGMASTER_ASK"
"""Environment variable of the agent: the folder."""
WAITING_SECONDS = 10.0
"""Someone waits for the answer who said so this lately."""


class Asks:
    """The worker's side, for one iteration."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ringmaster-ask-"))
        self.fault = ""
        """Why a question could not be read."""
        self._question: Question | None = None

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def question(self) -> Question | None:
        """What the agent has asked, if it has."""
        if self._question is None and (data := load(self.folder / "question.json")) is not None:
            try:
                self._question = Question.model_validate(data)
            except ValidationError as fault:
                self.fault = str(fault.errors(include_url=False)[0]["msg"])
                (self.folder / "question.json").unlink(missing_ok=True)
        return self._question

    def waits(self) -> bool:
        """Whether the agent waits for the answer."""
        try:
            return time.time() - (self.folder / "waiting").stat().st_mtime < WAITING_SECONDS
        except OSError:
            return False

    def answer(self, text: str) -> None:
        """Give the answer to whoever waits."""
        put(self.folder / "answer", text)


def put(path: Path, text: str) -> None:
    """A file that is whole as soon as it is there."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def ask(folder: Path, question: Question) -> bool:
    """The agent's side: leave the question; False when this run has asked one already."""
    if (folder / "question.json").exists():
        return False
    put(folder / "question.json", json.dumps(question.body(), ensure_ascii=False))
    return True


def wait(folder: Path, seconds: float) -> str | None:
    """The answer, once it is there; None when it does not come in time."""
    end = time.monotonic() + seconds
    while True:
        (folder / "waiting").touch()
        try:
            return (folder / "answer").read_text(encoding="utf-8")
        except FileNotFoundError:
            if time.monotonic() >= end:
                return None
            time.sleep(min(1.0, max(0.05, end - time.monotonic())))
