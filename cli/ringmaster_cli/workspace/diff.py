"""What a bead's branch has that its base has not: all files as a list, and as much patch as fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ringmaster_operator.resources.records import MOST_FILES, Diff, FileChange

PATCH = 256 * 1024
"""Characters of the patch."""
BLOB = 1024 * 1024
"""Bytes of a file beyond which git is not asked for its patch."""
TOGETHER = 8 * 1024 * 1024
"""Bytes of all files that git is asked for."""
MOST_PATCHED = 500
OPTIONS = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "--no-abbrev")

Git = Callable[..., str]


@dataclass(frozen=True)
class _Entry:
    """A line of `git diff --raw`."""

    status: str
    paths: tuple[str, ...]
    blobs: tuple[str, str]


def difference(git: Git, *, base: str, commit: str) -> tuple[Diff, bool]:
    """The diff, and whether something of it was left out. Raises GitError."""
    entries = list(_raw(git(*OPTIONS, "--raw", "-z", base, commit)))
    counts = dict(_numbers(git(*OPTIONS, "--numstat", "-z", base, commit)))
    files = [_file(entry, counts.get(entry.paths[-1])) for entry in entries[:MOST_FILES]]
    shown = _affordable(entries, _sizes(git, entries))
    patch, cut = _patch(git, base, commit, shown)
    more = max(len(entries) - MOST_FILES, 0)
    made = Diff(base=base, commit=commit, files=files, more_files=more, patch=patch)
    return made, cut or bool(more) or len(shown) < len(entries)


def _raw(text: str) -> Iterator[_Entry]:
    words = iter(text.split("\0"))
    for head in words:
        if not head.startswith(":"):
            continue
        _, _, before, after, status = head.split(" ")
        count = 2 if status[0] in "RC" else 1
        yield _Entry(status[0], tuple(next(words) for _ in range(count)), (before, after))


def _numbers(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """(path, (lines added, lines removed)); a renamed file has its two paths in fields of their own."""
    words = iter(text.split("\0"))
    for head in words:
        added, _, rest = head.partition("\t")
        removed, _, path = rest.partition("\t")
        if not rest:
            continue
        if not path:
            next(words)
            path = next(words)
        yield path, (added, removed)


def _file(entry: _Entry, counts: tuple[str, str] | None) -> FileChange:
    added, removed = counts or ("0", "0")
    return FileChange(
        path=entry.paths[-1][:4096],
        old_path=entry.paths[0][:4096] if len(entry.paths) == 2 else None,
        status=entry.status,
        added=int(added) if added.isdigit() else 0,
        removed=int(removed) if removed.isdigit() else 0,
        binary=added == "-",
    )


def _sizes(git: Git, entries: Sequence[_Entry]) -> dict[str, int]:
    """Bytes of each file's versions."""
    names = sorted({blob for entry in entries for blob in entry.blobs if blob.strip("0")})
    answer = git(
        "cat-file", "--batch-check=%(objectname) %(objectsize)", stdin="".join(f"{n}\n" for n in names)
    )
    found = (line.split(" ") for line in answer.splitlines())
    return {words[0]: int(words[1]) for words in found if len(words) == 2 and words[1].isdigit()}


def _affordable(entries: Sequence[_Entry], sizes: dict[str, int]) -> list[_Entry]:
    """Those whose patch is asked for: the small ones, in order, until it is enough."""
    chosen: list[_Entry] = []
    room = TOGETHER
    for entry in entries:
        size = sum(sizes.get(blob, 0) for blob in entry.blobs)
        if size <= BLOB and size <= room and len(chosen) < MOST_PATCHED:
            room -= size
            chosen.append(entry)
    return chosen


def _patch(git: Git, base: str, commit: str, entries: Sequence[_Entry]) -> tuple[str, bool]:
    """As much of it as fits, cut at the end of a line, and whether it was cut."""
    if not entries:
        return "", False
    paths = [f":(top,literal){path}" for entry in entries for path in entry.paths]
    text = git(*OPTIONS, "--patch", base, commit, "--", *paths)
    if len(text) <= PATCH:
        return text, False
    kept = text[:PATCH].rpartition("\n")[0]
    return f"{kept}\n[... {len(text) - len(kept)} characters of the patch are left out ...]\n", True
