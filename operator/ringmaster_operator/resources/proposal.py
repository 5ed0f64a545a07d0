"""What a planning run proposes: beads as data, checked before anything is created from them."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from ringmaster_operator.resources.base import Model, Priority
from ringmaster_operator.resources.bead import Acceptance, BeadType
from ringmaster_operator.resources.lists import Unique
from ringmaster_operator.resources.scalars import Label, Name, Whole, block, line

MOST_BEADS = 100
MOST_CHILDREN = 20
"""Children that one bead is split into; a larger plan is for `ringmaster plan`."""
MOST_CHARACTERS = 48_000
"""Of a whole proposal as JSON: it must fit into the description of the decision that shows it."""
_FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,})(?:json)?[ \t]*\n(.*?)\n[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)

ShortName = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]


class ProposedBead(Model):
    """One bead that is proposed, or one that is there already and only named."""

    name: ShortName
    """Unique in the proposal; others name it in dependsOn."""
    same: Name | None = None
    """The existing bead that is meant: nothing is created for it."""
    title: Annotated[str, line(256)] = ""
    description: Annotated[str, block(16384)] = ""
    type: BeadType = BeadType.TASK
    priority: Priority | None = None
    parent: Name | None = None
    """An epic of the proposal, or an existing bead."""
    depends_on: Annotated[list[Name], Field(max_length=50), Unique()] = Field(default_factory=list)
    """Beads of the proposal, or existing ones."""
    capabilities: Annotated[list[Label], Field(max_length=20), Unique()] = Field(default_factory=list)
    acceptance: Acceptance = Field(default_factory=Acceptance)
    estimate_minutes: Annotated[int, Whole(1, 100_000)] | None = None

    @model_validator(mode="after")
    def _says_what(self) -> ProposedBead:
        if self.same is None and not self.title:
            raise PydanticCustomError("proposal", "{name} has no title", {"name": self.name})
        if self.type is BeadType.DECISION:
            raise PydanticCustomError("proposal", "{name}: a decision is not planned", {"name": self.name})
        return self


class Proposal(Model):
    """Beads that wait for each other without a cycle."""

    beads: Annotated[list[ProposedBead], Field(min_length=1, max_length=MOST_BEADS), Unique("name")]

    @model_validator(mode="after")
    def _is_sound(self) -> Proposal:
        if len(self.model_dump_json(by_alias=True, exclude_defaults=True)) > MOST_CHARACTERS:
            text = "the proposal is too large: at most {most} characters as JSON"
            raise PydanticCustomError("proposal", text, {"most": MOST_CHARACTERS})
        ring = _cycle({bead.name: [*bead.depends_on, *filter(None, [bead.parent])] for bead in self.beads})
        if ring:
            ring_text = " -> ".join(ring)
            raise PydanticCustomError(
                "proposal", "the beads wait for each other: {ring}", {"ring": ring_text}
            )
        return self

    def names(self) -> set[str]:
        return {bead.name for bead in self.beads}

    def outside(self) -> set[str]:
        """Names that are no beads of the proposal: they must exist."""
        named = {name for bead in self.beads for name in (*bead.depends_on, bead.parent, bead.same) if name}
        return named - self.names()


def read_proposal(text: str) -> Proposal:
    """The proposal in an agent's last words: their last JSON block, or all of them.

    Raises ValueError, in words that tell an agent or a person what to mend.
    """
    blocks = [match[2] for match in _FENCED.finditer(text)]
    found: Any = None
    for candidate in reversed([text, *blocks]):
        try:
            found = json.loads(candidate)
            break
        except (ValueError, RecursionError):
            continue
    if found is None:
        raise ValueError('there is no JSON block {"beads": [...]} in the last message')
    try:
        return Proposal.check({"beads": found} if isinstance(found, list) else found)
    except ValidationError as error:
        raise ValueError("; ".join(_fault(item) for item in error.errors(include_url=False)[:10])) from error


def _fault(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    return f"{where}: {item['msg']}" if where else str(item["msg"])


def _cycle(edges: dict[str, list[str]]) -> list[str]:
    """Beads that wait for each other, the first one again at the end; empty when there are none."""
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        stack = [(start, iter(edges[start]))] if start not in done else []
        if stack:
            path.append(start)
        while stack:
            name, following = stack[-1]
            found = next((item for item in following if item in edges and item not in done), None)
            if found is None:
                done.add(name)
                stack.pop()
                path.pop()
            elif found in path:
                return [*path[path.index(found) :], found]
            else:
                path.append(found)
                stack.append((found, iter(edges[found])))
    return []
