"""The API over a real history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.front import Browser, Front, front


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as made:
        yield made


@pytest.fixture
async def admin(api: Front) -> Browser:
    """The first administrator, signed in."""
    return await api.admin()
