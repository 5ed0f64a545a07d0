"""The fixtures: a stand-in operator, and a session that works for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.desk import Desk, running
from support.station import AGENT, Station, small_origin


@pytest.fixture
def desk() -> Iterator[Desk]:
    with running(Desk()) as started:
        started.agent = {"profile": "claude-code", "command": [str(AGENT)]}
        yield started


@pytest.fixture
def station(desk: Desk, tmp_path: Path) -> Station[Desk]:
    made = Station(desk=desk, folder=tmp_path, origin=small_origin(tmp_path))
    made.token_file.write_text(desk.token)
    return made
