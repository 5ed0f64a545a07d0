"""Files of the repository that tell an agent how to work in it, and its records of decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ringmaster_cli.prompt.model import Material, Piece
from ringmaster_cli.prompt.text import data

NAMES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md", "CONTRIBUTING", "README")
"""Most useful first; names without a suffix are looked for with .md, .rst, .txt and without."""
SUFFIXES = (".md", ".rst", ".txt", "")
READ_BYTES = 262_144
NATIVE = {
    "claude-code": frozenset({"CLAUDE.md"}),
    "codex": frozenset({"AGENTS.md"}),
    "opencode": frozenset({"AGENTS.md"}),
    "gemini": frozenset({"GEMINI.md"}),
}
"""What these agents read by themselves: it need not be paid for twice."""
RECORDS = ("docs/adr", "docs/adrs", "docs/decisions", "docs/architecture/decisions", "doc/adr", "adr")
"""Where architecture decision records lie."""
MOST_RECORDS = 200
MOST_WHOLE = 3
"""Records that are given whole: those whose titles share words with the bead."""
WORD = re.compile(r"[a-z0-9]{4,}")
COMMON = frozenset(
    {"with", "from", "that", "this", "have", "when", "must", "should", "will", "into", "record"}
)


@dataclass(frozen=True, kw_only=True)
class ContextFile:
    """One file found; text is '' when it is left out for the reason given."""

    name: str
    text: str = ""
    left_out_reason: str = ""
    whole: bool = True


def gather(material: Material) -> Iterator[Piece]:
    """The files at the top of the worktree, the records that the bead touches, the titles of the rest."""
    agent = material.claimed.agent
    profile = "" if agent.command else agent.profile
    for place, file in enumerate(context_files(material.workspace, profile=profile)):
        yield _piece(file, relevance=1 - place / 10)
    yield from _records(material)


def _piece(file: ContextFile, *, relevance: float) -> Piece:
    if file.left_out_reason:
        return Piece(origin=file.name, left_out_reason=file.left_out_reason)
    text = data(file.text, file.name)
    return Piece(origin=file.name, text=text, relevance=relevance, shortened=not file.whole)


def _records(material: Material) -> Iterator[Piece]:
    wanted = _words(material.words)
    known: list[tuple[int, str, str]] = []
    for name in _record_names(material.workspace):
        file = read_file(material.workspace, name)
        if file.text:
            title = next((line.lstrip("# ") for line in file.text.splitlines() if line.strip()), name)
            known.append((len(wanted & _words(f"{title} {Path(name).stem}")), name, title[:200]))
    near = sorted((item for item in known if item[0]), key=lambda item: (-item[0], item[1]))[:MOST_WHOLE]
    for shared, name, _ in near:
        yield _piece(read_file(material.workspace, name), relevance=0.5 + min(shared, 4) / 10)
    rest = [f"{name}: {title}" for _, name, title in known if name not in {item[1] for item in near}]
    if rest:
        yield Piece(
            origin=f"titles of {len(rest)} records", text=data("\n".join(rest), "records"), relevance=0.3
        )


def _words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text.lower())) - COMMON


def _record_names(workspace: Path) -> list[str]:
    names: list[str] = []
    for folder in RECORDS:
        try:
            entries = sorted((workspace / folder).iterdir())
        except OSError:
            continue
        names += [f"{folder}/{entry.name}" for entry in entries if entry.suffix in (".md", ".rst", ".txt")]
    return names[:MOST_RECORDS]


def context_files(workspace: Path, *, profile: str) -> list[ContextFile]:
    """The context files at the top of the worktree, in the order of NAMES."""
    found: list[ContextFile] = []
    seen: dict[str, str] = {}
    for name in _present(workspace):
        file = _read(workspace, name, profile)
        if file.text:
            earlier = seen.setdefault(file.text, name)
            if earlier != name:
                file = ContextFile(name=name, left_out_reason=f"same as {earlier}")
        found.append(file)
    return found


def _present(workspace: Path) -> list[str]:
    try:
        entries = {entry.name.lower(): entry.name for entry in sorted(workspace.iterdir())}
    except OSError:
        return []
    names = []
    for wanted in NAMES:
        forms = [wanted] if "." in wanted else [wanted + suffix for suffix in SUFFIXES]
        names += [entries[form.lower()] for form in forms if form.lower() in entries][:1]
    return names


def _read(workspace: Path, name: str, profile: str) -> ContextFile:
    if name in NATIVE.get(profile, frozenset()):
        return ContextFile(name=name, left_out_reason=f"{profile} reads it itself")
    return read_file(workspace, name)


def read_file(workspace: Path, name: str) -> ContextFile:
    """A text file of the worktree, by its name there; nothing outside the worktree is ever read."""
    path = workspace / name
    try:
        real = path.resolve()
        if not real.is_relative_to(workspace.resolve()):
            return ContextFile(name=name, left_out_reason="it is a link that leads out of the repository")
        if not real.is_file():
            return ContextFile(name=name, left_out_reason="not a file")
        with real.open("rb") as file:
            raw = file.read(READ_BYTES + 1)
    except (OSError, RuntimeError):
        return ContextFile(name=name, left_out_reason="it cannot be read")
    if b"\0" in raw:
        return ContextFile(name=name, left_out_reason="not a text file")
    text = raw[:READ_BYTES].decode("utf-8", "replace").strip()
    if not text:
        return ContextFile(name=name, left_out_reason="empty")
    return ContextFile(name=name, text=text, whole=len(raw) <= READ_BYTES)
