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
