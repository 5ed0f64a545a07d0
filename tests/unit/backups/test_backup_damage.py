"""A backup that was changed in any way is never called verified, and never the others' end."""

from __future__ import annotations

import contextlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups import catalog, work
from ringmaster_operator.backups import manifest as manifests
from ringmaster_operator.backups.errors import BackupError, Damaged
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.rehearsal import openable, rehearse
from ringmaster_operator.backups.verify import check, mark, verify
from ringmaster_operator.resources.backup import Compression

from .conftest import Place

FLIPS = int(os.environ.get("RINGMASTER_EXAMPLES", "100"))


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("RINGMASTER_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"RINGMASTER_SEED={seed}")
    return random.Random(seed)


def verdict(place: Place, name: str) -> bool:
    """Whether the backup is called whole, here and in every list afterwards."""
    with contextlib.suppress(Damaged):
        manifest = catalog.load(place.target).find(name)
        verify(place.target, manifest, identity=None, now=place.clock.now())
        return True
    known = catalog.load(place.target)
    assert name in known.unreadable or known.find(name).verified is None
    return False


@pytest.mark.parametrize("compression", list(Compression))
def test_one_flipped_bit_anywhere(place: Place, compression: Compression, rng: random.Random) -> None:
    good = place.backup()
    made = place.backup(compression=compression)
    files = [place.folder / made.database.name, place.folder / f"{made.name}.manifest.json"]
    whole = {path: path.read_bytes() for path in files}
    for _ in range(FLIPS // len(Compression) + 1):
        path = rng.choice(files)
        content = bytearray(whole[path])
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        assert not verdict(place, made.name) or bytes(content) == whole[path]
        assert catalog.load(place.target).find("latest").name == good.name
        for file, before in whole.items():
            file.write_bytes(before)
    assert verdict(place, made.name)


@pytest.mark.parametrize("left", [0, 1, 100, -1])
def test_truncated(place: Place, left: int) -> None:
    made = place.backup()
    path = place.folder / made.database.name
    path.write_bytes(path.read_bytes()[:left])
    assert not verdict(place, made.name)


def test_appended_and_missing(place: Place) -> None:
    made, other = place.backup(), place.backup()
    path = place.folder / made.database.name
    path.write_bytes(path.read_bytes() + b"\0")
    assert not verdict(place, made.name)
    (place.folder / other.database.name).unlink()
    assert not verdict(place, other.name)
    assert "missing" in catalog.load(place.target).find(other.name).fault


def _other_manifest(place: Place, manifest: Manifest, **fields: object) -> None:
    """A manifest that is consistent in itself, and wrong."""
    mark(place.target, manifest.model_copy(update=fields))


def test_a_wrong_manifest(place: Place, fake_resources: Callable[[Path], dict[str, int]]) -> None:
    made = place.backup(resources=fake_resources)
    wrong: list[dict[str, object]] = [
        {"tables": {**made.tables, "attempt": 31}},
        {"tables": {name: rows for name, rows in made.tables.items() if name != "usage"}},
        {"schema_revision": "0001"},
        {"resources": {**made.resources, "Bead": 2}},
        {"parts": [made.database.model_copy(update={"raw_sha256": "0" * 64})]},
        {"parts": [made.database.model_copy(update={"compression": Compression.ZSTD})]},
        {"parts": made.parts[1:]},
    ]
    for fields in wrong:
        _other_manifest(place, made, **fields)
        assert not verdict(place, made.name), fields
    mark(place.target, made)
    assert verdict(place, made.name)


def test_anothers_manifest(place: Place) -> None:
    one, two = place.backup(), place.backup()
    (place.folder / f"{one.name}.manifest.json").write_bytes(two.written())
    assert not verdict(place, one.name)
    assert verdict(place, two.name)


def test_a_manifest_without_its_checksum(place: Place) -> None:
    made = place.backup()
    path = place.folder / f"{made.name}.manifest.json"
    body = json.loads(path.read_bytes())
    body["tables"]["attempt"] = 29
    path.write_text(json.dumps(body))
    with pytest.raises(Damaged, match="changed or damaged"):
        manifests.read(path.read_bytes(), made.name)


def test_a_newer_schema_is_named(place: Place) -> None:
    made = place.backup().model_copy(update={"schema_revision": "9999"})
    with pytest.raises(BackupError, match=r"newer Ringmaster.*use that version"):
        openable(made)
    with pytest.raises(BackupError, match="newer Ringmaster"):
        rehearse(place.target, made, database="", identity=None)


def test_scratch_is_gone_after_a_fault(place: Place, tmp_path: Path) -> None:
    made = place.backup()
    path = place.folder / made.database.name
    path.write_bytes(path.read_bytes()[:-3])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(Damaged):
        check(place.target, made, identity=None, scratch=scratch)
    assert list(scratch.iterdir()) == []


def test_a_damaged_one_can_be_deleted_and_the_last_good_one_cannot(place: Place) -> None:
    good, bad = place.backup(), place.backup("daily")
    (place.folder / f"{bad.name}.manifest.json").write_text("{")
    work.prune(str(place.folder), "7d", "30d", dry_run=False, names=[bad.name])
    assert place.files() == {good.database.name, f"{good.name}.manifest.json"}
    with pytest.raises(UsageError, match="last verified backup"):
        work.prune(str(place.folder), "7d", "30d", dry_run=False, names=["latest"])
    assert verdict(place, good.name)
