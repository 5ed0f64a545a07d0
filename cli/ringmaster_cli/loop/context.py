"""What every step needs: who we are, where our state is, how to reach the operator, whom to tell."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ringmaster_cli.client import Api
from ringmaster_cli.loop.stop import Stop
from ringmaster_cli.output import Say, note
from ringmaster_cli.state import Settings, State


@dataclass(frozen=True, kw_only=True)
class Context:
    """One session at work."""

    settings: Settings
    state: State
    api: Api
    """For calls that must get through: they go on while the process is asked to stop."""
    say: Say = note
    stop: Stop = field(default_factory=Stop)

    @classmethod
    def open(cls, *, say: Say = note) -> Context:
        """From the environment. Raises UsageError."""
        settings = Settings.read(os.environ)
        stop = Stop()
        return cls(
            settings=settings,
            state=State(settings),
            api=api_for(settings, say=say, stop=stop),
            say=say,
            stop=stop,
        )

    @property
    def profiles(self) -> list[Path]:
        """Folders with people's own agent profiles."""
        more = os.environ.get("RINGMASTER_PROFILES", "")
        return [Path(part) for part in more.split(os.pathsep) if part] + [self.settings.home / "profiles"]


def api_for(settings: Settings, *, say: Say, stop: Stop) -> Api:
    """The operator; trouble is told once until it changes."""
    told: list[str] = []

    def trouble(message: str) -> None:
        if told[-1:] != [message]:
            told.append(message)
            say(f"waiting for the operator: {message}")

    return Api(
        url=settings.url,
        token_file=settings.token_file,
        sleep=stop.pause,
        hurried=lambda: stop.reason is not None,
        on_trouble=trouble,
    )


def now() -> str:
    """This moment, as the protocol writes it."""
    return datetime.now(UTC).isoformat()
