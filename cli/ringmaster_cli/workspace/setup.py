"""The Worker's setup commands: run in a fresh worktree before the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ringmaster_cli.verify import run_verify
from ringmaster_cli.workspace.errors import WorkspaceError
from ringmaster_operator.resources.bead import Reason

SECONDS = 1800


def run_setup(
    commands: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    should_stop: Callable[[], str | None],
    on_line: Callable[[str], None],
) -> None:
    """Run them in order; raises WorkspaceError naming the first that fails."""
    results = run_verify(
        commands, cwd=cwd, timeout_seconds=SECONDS, env=env, should_stop=should_stop, on_line=on_line
    )
    if reason := should_stop():
        raise WorkspaceError(Reason.CANCELLED, reason)
    for result in results:
        if result.exit_code:
            tail = result.output.strip()[-500:]
            raise WorkspaceError(
                Reason.CONFIGURATION,
                f"setup command {result.command!r} of the Worker failed "
                f"with exit code {result.exit_code}: {tail}",
            )
