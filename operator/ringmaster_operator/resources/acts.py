"""What people do to a bead while it lives, as the change of its spec that says so.

The CLI makes these changes with the person's own rights, the API for the person who asked; kubectl can make
them as well. Each function gives a merge patch of the spec, or raises NotPossible.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from ringmaster_operator.resources.bead import FINISHED, Bead, BeadType, Desired, Phase

Body = dict[str, Any]
MOST_NOTES = 20
"""As many as spec.steering holds."""


class NotPossible(ValueError):
    """The act makes no sense for this bead as it is; the text says why, and what would."""


class NoOption(NotPossible):
    """The answer is none of the decision's options; the text names them."""


def trigger(now: datetime) -> str:
    """A text that no spec.retry and no spec.reopen has had."""
    return f"{now:%Y-%m-%dT%H:%M:%SZ} {uuid.uuid4().hex[:8]}"


def note_id() -> str:
    """A text that no other note has."""
    return uuid.uuid4().hex[:8]


def desire(bead: Bead, wish: Desired) -> Body:
    """Run, Hold or Cancel a bead that has not ended."""
    if bead.status.phase in FINISHED:
        raise NotPossible(instead(bead))
    return {"desired": str(wish)}


def retry(bead: Bead, *, trigger: str, from_scratch: bool = False) -> Body:
    """Run a failed or cancelled bead again; trigger is a text that spec.retry does not have yet."""
    if bead.status.phase not in (Phase.FAILED, Phase.CANCELLED):
        raise NotPossible(instead(bead))
    return {"retry": trigger, "desired": "Run", "retryFrom": "Scratch" if from_scratch else "Work"}


def reopen(bead: Bead, *, trigger: str) -> Body:
    """Work on a succeeded bead again, or ask an answered decision again."""
    if bead.status.phase is not Phase.SUCCEEDED:
        raise NotPossible(instead(bead))
    spec: Body = {"reopen": trigger, "desired": "Run"}
    if bead.spec.decision is not None:
        spec["decision"] = {"answer": None, "answeredBy": None, "deadline": None, "default": None}
    return spec


def steer(bead: Bead, *, note: str, text: str) -> Body:
    """Say something to the agent that works on the bead; the oldest notes that were told make room."""
    name = bead.metadata.name
    if bead.status.phase in FINISHED:
        raise NotPossible(f"{name} {_ended(bead)} and cannot be steered")
    if bead.spec.type in (BeadType.EPIC, BeadType.DECISION):
        raise NotPossible(f"no agent works on a bead of type {bead.spec.type}")
    notes = [item.body() for item in bead.spec.steering if item.id != note]
    notes.append({"id": note, "text": text})
    while len(notes) > MOST_NOTES:
        old = next((item for item in notes if item["id"] in bead.status.steering_delivered), None)
        if old is None:
            raise NotPossible(f"{MOST_NOTES} notes wait for bead {name} already, and no agent was told them")
        notes.remove(old)
    return {"steering": notes}


def answer(bead: Bead, *, text: str, by: str) -> Body:
    """Answer a decision: an option by its name, in any case, or by its number; without options any text."""
    name = bead.metadata.name
    if bead.spec.decision is None:
        raise NotPossible(f"{name} is no decision: it is of type {bead.spec.type}")
    if bead.status.phase in FINISHED:
        made = bead.status.decision
        words = f": {made.answer} ({made.by})" if made is not None else ""
        raise NotPossible(f"{name} is decided already{words}; to ask again: ringmaster reopen {name}")
    return {"decision": {"answer": _exact(bead, text), "answeredBy": by[:128]}}


def _exact(bead: Bead, text: str) -> str:
    options = [item.name for item in bead.spec.decision.options] if bead.spec.decision is not None else []
    if not options or text in options:
        return text
    alike = [name for name in options if name.casefold() == text.strip().casefold()]
    number = text.strip()
    if not alike and number.isascii() and number.isdigit() and len(number) < 4:
        alike = options[int(number) - 1 : int(number)] if int(number) else []
    if not alike:
        raise NoOption(f"the answer must be one of: {', '.join(options)}")
    return alike[0]


def phase(bead: Bead) -> str:
    """The phase in words."""
    return str(bead.status.phase or Phase.PENDING)


def instead(bead: Bead) -> str:
    """What can be done with a bead in this phase."""
    name = bead.metadata.name
    match bead.status.phase:
        case Phase.SUCCEEDED:
            return f"{name} {_ended(bead)}; to work on it again: ringmaster reopen {name}"
        case Phase.FAILED | Phase.CANCELLED:
            return f"{name} {_ended(bead)}; to run it again: ringmaster retry {name}"
        case _:
            return f"{name} is {phase(bead)} and has not ended: there is nothing to run again"


def _ended(bead: Bead) -> str:
    return "is cancelled" if bead.status.phase is Phase.CANCELLED else f"has {phase(bead).lower()}"
