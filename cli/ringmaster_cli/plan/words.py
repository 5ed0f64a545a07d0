"""What a planning run is told: the same for a bead that is split and for a plan that a person asks for."""

from __future__ import annotations

SPLIT = """\
This task was too large or too hard in one go. Do not work on it and change no files: split it into 2 to 20
smaller tasks, each of which one agent can finish and check on its own. Together they must do all of the task.
Look at the repository as far as you need to. In dependsOn name only tasks of your own proposal.
"""

SHAPE = """\
End your last message with one JSON block of this form, and nothing after it:
```json
{"beads": [{"name": "short-name", "title": "One line", "description": "All that the agent must know",
  "dependsOn": ["name-of-another"], "capabilities": [], "estimateMinutes": 60,
  "acceptance": {"criteria": ["What must hold"], "verify": ["a shell command that must exit 0"]}}]}
```
Names are lower case letters, digits and hyphens. Only name and title must be there.
"""

PLAN = """\
You plan work for coding agents; you do none of it and change no files. Turn what is wanted in <task> into
tasks, called beads, each of which one agent can finish and check on its own, with what it must wait for.
Look at the current folder as far as you need to. Where a bead that is there already covers a part, name it
with "same": "its-name" instead of proposing it again, or name it in dependsOn. Give each bead commands that
check it, where there can be any.
"""
