"""How an agent says, in its last words, how it ended.

A marker is a line of its own in the agent's final text, outside code fences and quotes:

    RINGMASTER: done
    RINGMASTER: incomplete: what is left to do
    RINGMASTER: failed: why it cannot be done
    RINGMASTER: too-large: why it must be split
    RINGMASTER: needs-decision: the question
    - name of an option: what follows from it
    - name of another option
    Recommendation: name of an option

What a tool printed is no final text, so a log or file that contains such lines means nothing.
The last marker counts: an agent that asked and then went on has changed its mind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ringmaster_cli.agents.terminal import one_line, plain
from ringmaster_operator.resources.bead import DecisionOption
from ringmaster_operator.resources.protocol import Question

INSTRUCTIONS = """\
End your last message with exactly one of these lines, on a line of its own, not in a code block:
RINGMASTER: done
RINGMASTER: incomplete: <what is left to do>
RINGMASTER: failed: <why it cannot be done>
RINGMASTER: too-large: <why it must be split into smaller tasks first>
RINGMASTER: needs-decision: <a question that only a person can answer>
After needs-decision, give the options as list lines and your advice:
- <option>: <what follows from it>
- <other option>: <what follows from it>
Recommendation: <option>
"""


class MarkerKind(StrEnum):
    DONE = "done"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    TOO_LARGE = "too-large"
    NEEDS_DECISION = "needs-decision"


@dataclass(frozen=True, kw_only=True)
class Marker:
    """One marker; text is what stands behind it, after what the lines below it say."""

    kind: MarkerKind
    text: str
    below: tuple[str, ...] = ()


MARKER = re.compile(
    r"^[ \t]{0,3}(?:\*\*|`)?RINGMASTER:[ \t]*"
    r"(done|incomplete|failed|too[-_ ]large|needs[-_ ]decision)\b[.!]?(?:\*\*|`)?[ \t]*"
    r"(?:[:\u2013\u2014-]+[ \t]*(.*))?$",
    re.IGNORECASE,
)
FENCE = re.compile(r"^[ \t]{0,3}(`{3,}|~{3,})")
OPTION = re.compile(r"^\s*(?:[-*+\u2022]|\(?[0-9a-z]{1,2}[.)])\s+(.*\S)\s*$", re.IGNORECASE)
RECOMMENDATION = re.compile(r"^\s*[*_]*recommend(?:ation|ed)?[*_]*\s*:[*_]*\s*(.*\S)\s*$", re.IGNORECASE)
SPLIT = re.compile(r"\s*(?:\s[\u2013\u2014-]{1,2}\s|:\s)\s*")


def read_markers(final_text: str) -> list[Marker]:
    """All markers of a final text, in order."""
    lines = list(outside_fences(plain(final_text)))
    found: list[Marker] = []
    for number, line in enumerate(lines):
        if match := MARKER.match(line):
            below: list[str] = []
            for follower in lines[number + 1 :]:
                if MARKER.match(follower):
                    break
                below.append(follower)
            kind = MarkerKind(re.sub(r"[_ ]", "-", match[1].lower()))
            found.append(Marker(kind=kind, text=(match[2] or "").strip(" *`"), below=tuple(below)))
    return found


def read_question(marker: Marker) -> Question:
    """The question of a needs-decision marker; what is no option and no recommendation is part of it."""
    words, options, recommendation = [marker.text], [], None
    for line in marker.below:
        # Long runs of blanks would take these patterns very long.
        spaced = " ".join(line.split())
        if match := RECOMMENDATION.match(spaced):
            recommendation = match[1].strip(" *`")
        elif match := OPTION.match(spaced):
            name, *rest = SPLIT.split(match[1], maxsplit=1)
            options.append((name.strip(" *`\"':"), rest[0].strip() if rest else ""))
        elif not options and recommendation is None:
            words.append(line)
    question = "\n".join(words).strip() or "The agent asks for a decision without saying what it is."
    # Names are shown on terminals and given back as answers: one line each.
    unique = {one_line(name, 128): consequence[:4096] for name, consequence in options if name.strip()}
    return Question(
        question=question[:8192],
        options=[DecisionOption(name=name, consequence=text) for name, text in list(unique.items())[:20]],
        recommendation=_named(recommendation, list(unique)),
    )


def _named(recommendation: str | None, options: list[str]) -> str | None:
    """The recommendation as the option's exact name where it begins with one, else as it was written."""
    if recommendation is None:
        return None
    text = recommendation.casefold()
    longest = sorted(options, key=len, reverse=True)
    return next(
        (name for name in longest if text.startswith(name.casefold())), one_line(recommendation, 1000)
    )


def outside_fences(text: str) -> Iterator[str]:
    """The lines that are not in a code block."""
    fence = ""
    for line in text.splitlines():
        match = FENCE.match(line)
        if fence:
            if match and match[1].startswith(fence):
                fence = ""
        elif match:
            fence = match[1]
        else:
            yield line
