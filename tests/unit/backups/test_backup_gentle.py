"""A backup writes in pieces that are on the disk at once: no commit of the operator waits for a gigabyte."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]

from ringmaster_operator.backups import gentle
from ringmaster_operator.resources.backup import Compression

from .conftest import Place

SIZE = 24 << 20


def test_pieces_of_every_file_are_settled(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    db = driver.connect(str(place.database))
    db.execute("CREATE TABLE much (body BLOB)")
    db.executemany("INSERT INTO much VALUES (randomblob(2000))", [()] * (SIZE // 2000))
    db.commit()
    db.close()
    settled: dict[str, list[int]] = {}
    real = gentle.settle

    def watched(handle: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{handle}")).name
        settled.setdefault(name, []).append(os.fstat(handle).st_size)
        real(handle, rest=lambda _: None)

    monkeypatch.setattr(gentle, "settle", watched)
    made = place.backup(compression=Compression.NONE)
    assert made.database.bytes > SIZE
    assert set(settled) == {"snapshot", "snapshot.packed", "fetched-database", "unpacked-database"}
    for name, sizes in settled.items():
        steps = [after - before for before, after in zip([0, *sizes], sizes, strict=False)]
        assert max(steps) <= 2 * gentle.PIECE, name
        assert made.database.bytes - sizes[-1] <= gentle.PIECE, name


def test_a_rest_is_as_long_as_the_disk_took_and_bounded(tmp_path: Path) -> None:
    rests: list[float] = []
    with (tmp_path / "file").open("wb") as file:
        paced = gentle.Paced(file.fileno())
        paced.wrote(gentle.PIECE - 1)
        gentle.settle(file.fileno(), rest=rests.append)
    assert len(rests) == 1
    assert 0 < rests[0] <= gentle.LONGEST_REST


def test_a_large_file_goes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "work" / "large"
    large.parent.mkdir()
    large.write_bytes(b"x" * (SIZE * 3))
    (tmp_path / "work" / "small").write_bytes(b"x")
    sizes = [SIZE * 3]
    real = os.ftruncate

    def watched(handle: int, size: int) -> None:
        sizes.append(size)
        real(handle, size)

    monkeypatch.setattr(os, "ftruncate", watched)
    gentle.clear(large.parent)
    assert not large.parent.exists()
    steps = [before - after for before, after in itertools.pairwise(sizes)]
    assert max(steps) <= gentle.REMOVED
    assert sizes[-1] <= gentle.REMOVED


def test_what_has_another_name_keeps_its_content(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"x" * (gentle.REMOVED + 1))
    other, link = tmp_path / "other", tmp_path / "link"
    os.link(kept, other)
    link.symlink_to(kept)
    gentle.remove(other)
    gentle.remove(link)
    gentle.remove(tmp_path / "missing")
    assert os.listdir(tmp_path) == ["kept"]
    assert kept.stat().st_size == gentle.REMOVED + 1
