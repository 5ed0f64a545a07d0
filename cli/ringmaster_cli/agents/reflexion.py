"""How an agent says what it learned: a line of its own in its last words, with lines below it.

    RINGMASTER: lesson: what to do or to avoid, and when
    Tried: what was tried
    Happened: what came of it
    Cause: why
    Paths: files and folders that it is about
    Confidence: 0.8
    Wrong lessons: 3, 7

All but the first line may be left out. An agent that has learned nothing says `RINGMASTER: lesson: none`.
"""

from __future__ import annotations

import re

from ringmaster_cli.agents.markers import MARKER, outside_fences
from ringmaster_cli.agents.terminal import plain
from ringmaster_operator.resources.reflexion import MAX_PATHS, Applies, Reflexion, ReflexionSource

WRONG = re.compile(r"[1-9]\d{0,8}")  # ids begin at 1
LESSON = re.compile(
    r"^[ \t]{0,3}(?:\*\*|`)?RINGMASTER:[ \t]*(?:lesson|reflexion|reflection)\b(?:\*\*|`)?"
    r"[ \t]*(?:[:\u2013\u2014-]+[ \t]*(.*))?$",
    re.IGNORECASE,
)
FIELD = re.compile(
    r"^[ \t>*_-]*(tried|happened|cause|lesson|paths?|confidence|wrong lessons?)[*_]*[ \t]*:[*_]*[ \t]*(.*)$",
    re.I,
)
NOTHING = frozenset({"", "none", "nothing", "no", "n/a", "-"})
INSTRUCTIONS = """\
If you learned something that would have saved you time and holds for other tasks too, add before that line:
RINGMASTER: lesson: <what to do or to avoid, and when; general, no names of this task>
Cause: <why>
Paths: <files or folders that it is about, if any>
"""
QUESTION = """\
You have stopped. Call no tools and change nothing now: the work was checked as it stands. It is unfinished:
<data source="result">
{result}
</data>
So that the next run does better, say in your answer only this, in a few short lines:
Tried: <what you tried>
Happened: <what came of it>
Cause: <why it is not finished>
RINGMASTER: lesson: <what to do or to avoid, and when; or none>
Paths: <files or folders that it is about, if any>
Confidence: <0 to 1>
"""


def read_reflexion(text: str, *, source: ReflexionSource = ReflexionSource.AGENT) -> Reflexion | None:
    """The last reflexion of a text; None when it has none, or says that there is nothing to learn."""
    lines = [line for line in outside_fences(plain(text)) if not MARKER.match(line)]
    heads = [number for number, line in enumerate(lines) if LESSON.match(line)]
    if not heads:
        return None
    place = heads[-1]
    match = LESSON.match(lines[place])
    lesson = ((match[1] if match else "") or "").strip(" *`")
    asked = source is ReflexionSource.ASKED
    fields = _fields(lines[:place] if asked else [], lines[place + 1 :])
    lesson = lesson or fields.get("lesson", "")
    if lesson.strip(" .").casefold() in NOTHING:
        lesson = ""
    if not lesson and not fields.get("cause"):
        return None
    return Reflexion(
        tried=fields.get("tried", ""),
        happened=fields.get("happened", ""),
        cause=fields.get("cause", ""),
        lesson=lesson,
        applies=Applies(paths=_paths(fields.get("path", ""))),
        source=source,
        contradicts=[int(number) for number in WRONG.findall(fields.get("wrong lesson", ""))][:10],
        confidence=_share(fields.get("confidence", "")),
    )


def _fields(before: list[str], after: list[str]) -> dict[str, str]:
    """What the lines say, by the first word of each; a line without one goes on with the one before."""
    found: dict[str, str] = {}
    for part in (before, after):
        name = ""
        for line in part:
            if match := FIELD.match(line):
                name = match[1].casefold().removesuffix("s")
                found[name] = match[2].strip(" *`")
            elif not line.strip():
                name = ""
            elif name:
                found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _paths(text: str) -> list[str]:
    names = [
        name.strip(" `'\"*.") if name.strip() in (".", "..") else name.strip(" `'\"*")
        for name in re.split(r"[,;\s]+", text)
    ]
    return [name for name in names if name.casefold() not in NOTHING and len(name) <= 256][:MAX_PATHS]


def _share(text: str) -> float:
    match = re.search(r"\d+(?:\.\d+)?", text)
    if match is None:
        return 0.5
    value = float(match[0])
    value = value / 100 if value > 1 or "%" in text else value
    return value if 0 <= value <= 1 else 0.5
