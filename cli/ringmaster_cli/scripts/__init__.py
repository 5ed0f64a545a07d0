"""Shell scripts that do what `worker run` does, one for each agent profile."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from ringmaster_cli.agents.profiles import ProfileError, load_profile

TEMPLATE = "worker.sh"


def render(profile: str, *, folders: Sequence[Path] = ()) -> str:
    """The script for a profile. Raises ProfileError."""
    known = load_profile(profile, folders=folders)
    try:
        shown = shlex.join(known.argv(prompt_file=Path("PROMPT")))
    except ProfileError:
        shown = "the command that the Worker's spec.agent.command names"
    text = (resources.files(__package__) / TEMPLATE).read_text(encoding="utf-8")
    return text.replace("@PROFILE@", shlex.quote(known.name)).replace("@COMMAND@", " ".join(shown.split()))
