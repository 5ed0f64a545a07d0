"""Work that is on no remote, handed on with a bead that is given back."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from ringmaster_operator.resources.base import Model

MAX_BUNDLE = 500_000
"""Bytes of a bundle; what is larger is not handed on."""
Base64 = Annotated[str, StringConstraints(max_length=MAX_BUNDLE * 4 // 3 + 4, pattern=r"^[A-Za-z0-9+/=]+$")]


class SavedWork(Model):
    """The commits of a bead's branch that its repository does not have, as a git bundle."""

    branch: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")]
    """Tip of the branch."""
    bundle: Base64
    """The git bundle."""
