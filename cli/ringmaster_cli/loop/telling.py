"""What the agent is told: the prompt's file, and what the report says of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from ringmaster_cli.loop.context import Context
from ringmaster_cli.prompt import Prompt, build_prompt
from ringmaster_cli.prompt.model import digest
from ringmaster_cli.prompt.text import tokens
from ringmaster_cli.state import told, write
from ringmaster_cli.workspace import Workspace
from ringmaster_operator.resources.bead import SteeringNote
from ringmaster_operator.resources.protocol import Claimed, PromptRecord


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
) -> tuple[Path, PromptRecord]:
    """The file with the prompt of this run of the agent, and its record. given: a prompt made before."""
    if given is not None:
        with told(str(given)):
            text = given.read_text(encoding="utf-8", errors="replace")
        return given, PromptRecord(digest=digest(text), tokens=tokens(text))
    bead = claimed.bead.model_copy(update={"steering": list(notes)})
    prompt = build_prompt(
        claimed.model_copy(update={"bead": bead}), workspace=space.path, git=space.git, resumed=resumed
    )
    for note in prompt.notes:
        context.say(f"prompt: {note}")
    path = context.state.folder / "prompt.md"
    write(path, prompt.text.encode("utf-8", "replace"))
    return path, prompt.record()
