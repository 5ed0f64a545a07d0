"""PostgreSQL: dumped in one snapshot, proven without a server, rehearsed on one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringmaster_operator.backups import catalog, sources
from ringmaster_operator.backups.errors import Damaged
from ringmaster_operator.backups.rehearsal import rehearse
from ringmaster_operator.backups.run import run
from ringmaster_operator.backups.target import FolderTarget
from ringmaster_operator.backups.verify import mark, verify
from support.postgres import Postgres

from .conftest import Place, Ticking, add_attempts

pytestmark = pytest.mark.postgres


def test_dumped_proven_and_rehearsed(postgres_server: Postgres, tmp_path: Path) -> None:
    url = postgres_server.fresh()
    add_attempts(url)
    place, target, clock = Place(tmp_path / "none", tmp_path / "b"), FolderTarget(tmp_path / "b"), Ticking()
    made = run(sources.source(url), target, place.wish())
    assert (made.engine, made.tables["attempt"]) == ("postgresql", 30)
    assert made.verified is not None
    assert made.database.name.endswith(".dump.gz")
    assert "30 open attempts" in rehearse(target, made, database=url, identity=None)
    with postgres_server.connect() as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname ~ 'rehearsal'").fetchall()
    assert left == []

    mark(target, made.model_copy(update={"tables": {**made.tables, "attempt": 31}}))
    with pytest.raises(Damaged, match="attempt has 30 rows"):
        verify(target, catalog.load(target).find(made.name), identity=None, now=clock.now())
