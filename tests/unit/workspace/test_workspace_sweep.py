"""Old things go, work never does."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ringmaster_cli.workspace import sweep
from support.checkouts import Bench, Person

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LARGE = 10**12


def age(path: Path, days: float) -> None:
    """Make the folder or file, and all in it, that old."""
    moment = (NOW - timedelta(days=days)).timestamp()
    for entry in (path, *path.rglob("*")):
        os.utime(entry, (moment, moment), follow_symlinks=False)


def file(home: Path, name: str, *, days: float, size: int = 10) -> Path:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    age(path, days)
    return path


def test_an_empty_home_is_fine(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none", max_age_days=1, max_bytes=1, now=NOW).removed == ()


def test_transcripts_and_logs_go_by_age(tmp_path: Path) -> None:
    old = [file(tmp_path, "transcripts/a/1.jsonl", days=31), file(tmp_path, "logs/w.log", days=40)]
    new = file(tmp_path, "transcripts/a/2.jsonl", days=29)
    swept = sweep(tmp_path, max_age_days=30, max_bytes=LARGE, now=NOW)
    assert sorted(swept.removed) == sorted(old)
    assert swept.freed == 20
    assert new.exists()
    assert not any(path.exists() for path in old)


def test_above_the_size_the_oldest_go_first(tmp_path: Path) -> None:
    paths = [file(tmp_path, f"logs/{days}.log", days=days, size=1000) for days in (1, 2, 3, 4)]
    sweep(tmp_path, max_age_days=30, max_bytes=2500, now=NOW)
    assert [path.exists() for path in paths] == [True, True, False, False]


def test_old_worktrees_go_but_not_those_in_use(desk: Bench, checkout: Path) -> None:
    used, left = desk.prepare(checkout, name="used"), desk.prepare(checkout, name="left")
    left.close(keep=True)
    age(used.path, 99)
    age(left.path, 99)
    swept = sweep(desk.home, max_age_days=30, max_bytes=LARGE, now=NOW)
    assert swept.removed == (left.path,)
    assert used.path.exists()
    assert swept.kept[0] == f"{used.path}: a session works in it"


def test_unpushed_commits_are_never_dropped(desk: Bench, person: Person, checkout: Path) -> None:
    space = desk.prepare(checkout)
    commit = person.commit(space.path, {"a.py": ""})
    person.git("checkout", "--quiet", "--detach", cwd=space.path)
    loose = person.commit(space.path, {"b.py": ""})
    space.close(keep=True)
    age(desk.home, 99)
    swept = sweep(desk.home, max_age_days=0, max_bytes=0, now=NOW)
    assert space.path in swept.removed
    assert any("commits that no remote has: 2" in line for line in swept.kept)
    assert person.git("rev-parse", "ringmaster/fix-it", cwd=desk.mirror()) == commit
    assert person.git("branch", "--all", "--contains", loose, cwd=desk.mirror()) == ""
    assert loose in person.git("for-each-ref", "refs/ringmaster/kept", cwd=desk.mirror())


def test_a_mirror_whose_work_is_all_published_goes(desk: Bench, person: Person, checkout: Path) -> None:
    space = desk.prepare(checkout)
    person.write(space.path, {"a.py": ""})
    space.commit("A")
    space.push()
    space.close()
    mirror = desk.mirror()
    age(desk.home, 99)
    assert mirror in sweep(desk.home, max_age_days=30, max_bytes=LARGE, now=NOW).removed
    assert not mirror.exists()
    assert desk.prepare(checkout, session="w-1").path.exists()


def test_a_worktree_without_its_mirror_goes(desk: Bench, tmp_path: Path) -> None:
    stray = desk.home / "worktrees" / "stray"
    stray.mkdir(parents=True)
    (desk.home / "locks").mkdir()
    (stray / ".git").write_text("gitdir: /nowhere/mirrors/x.git/worktrees/stray\n")
    age(stray, 99)
    assert sweep(desk.home, max_age_days=30, max_bytes=LARGE, now=NOW).removed == (stray,)
