"""Files of the repository that tell an agent how to work in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, kw_only=True)
class ContextFile:
    """One file found; text is '' when it is left out for the reason given."""

    name: str
    text: str = ""
    left_out_reason: str = ""
    whole: bool = True


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
