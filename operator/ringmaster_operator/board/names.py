"""Names of the beads that Ringmaster makes: the same each time, so that making one twice makes one."""

from __future__ import annotations

import hashlib

NAME_LENGTH = 200


def decision_name(bead: str, fence: int, iteration: int) -> str:
    """`<bead>-q<fence>-<iteration>`, shortened with a hash where the bead's own name is long."""
    return f"{shortened(bead)}-q{fence}-{iteration}"


def child_name(bead: str, child: str) -> str:
    """`<bead>-<child>`: the name of a proposed bead that the bead is split into."""
    return f"{shortened(bead, NAME_LENGTH - 10)}-{child}"


def shortened(name: str, most: int = NAME_LENGTH) -> str:
    """The name itself, or its beginning with a hash."""
    if len(name) <= most:
        return name
    return f"{name[:most].rstrip('.-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
