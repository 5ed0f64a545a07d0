"""Git workspaces of the worker: mirrors, worktrees, branches, and their retention."""

from __future__ import annotations

from ringmaster_cli.workspace.errors import WorkspaceError
from ringmaster_cli.workspace.names import branch_name, folder_name
from ringmaster_cli.workspace.retention import Swept, drop, sweep
from ringmaster_cli.workspace.worktree import Workspace

__all__ = ["Swept", "Workspace", "WorkspaceError", "branch_name", "drop", "folder_name", "sweep"]
