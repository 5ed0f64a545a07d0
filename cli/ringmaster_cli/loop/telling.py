"""What the agent is told: the prompt's file, and what the report says of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ringmaster_cli.loop.context import Context
from ringmaster_cli.loop.records import prompt_text
from ringmaster_cli.prompt import Prompt, build_prompt
from ringmaster_cli.prompt.model import digest
from ringmaster_cli.prompt.text import tokens
from ringmaster_cli.state import told, write
from ringmaster_cli.workspace import Workspace
from ringmaster_operator.resources.bead import SteeringNote
from ringmaster_operator.resources.protocol import Claimed, PromptRecord
from ringmaster_operator.resources.records import PromptText


@dataclass(frozen=True, kw_only=True)
class Told:
    """A prompt that the agent is given."""

    path: Path
    record: PromptRecord
    """What the report says of it."""
    text: PromptText
    """What is kept of it for people."""


def drafted(
    claimed: Claimed, space: Workspace, *, budget_tokens: int | None, without: Collection[str]
) -> Prompt:
    """The prompt for people to look at."""
    return build_prompt(
        claimed, workspace=space.path, git=space.git, budget_tokens=budget_tokens, without=without
    )


def tell(
    context: Context,
    claimed: Claimed,
    space: Workspace,
    *,
    notes: Sequence[SteeringNote],
    given: Path | None,
    resumed: bool,
) -> Told:
    """The prompt of this run of the agent. given: the file of one made before."""
    if given is not None:
        with told(str(given)):
            text = given.read_text(encoding="utf-8", errors="replace")
        record = PromptRecord(digest=digest(text), tokens=tokens(text))
        return Told(path=given, record=record, text=prompt_text(text, None))
    bead = claimed.bead.model_copy(update={"steering": list(notes)})
    prompt = build_prompt(
        claimed.model_copy(update={"bead": bead}), workspace=space.path, git=space.git, resumed=resumed
    )
    for note in prompt.notes:
        context.say(f"prompt: {note}")
    path = context.state.folder / "prompt.md"
    write(path, prompt.text.encode("utf-8", "replace"))
    return Told(path=path, record=prompt.record(), text=prompt_text(prompt.text, prompt))
