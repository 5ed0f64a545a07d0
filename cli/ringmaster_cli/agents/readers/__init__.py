"""Readers of agents' event streams: what each make prints, turned into the same facts."""

from __future__ import annotations

from ringmaster_cli.agents.profiles import Events
from ringmaster_cli.agents.readers.aider import AiderReader
from ringmaster_cli.agents.readers.base import Context, Reader
from ringmaster_cli.agents.readers.claude import ClaudeReader
from ringmaster_cli.agents.readers.codex import CodexReader
from ringmaster_cli.agents.readers.gemini import GeminiReader
from ringmaster_cli.agents.readers.goose import GooseReader
from ringmaster_cli.agents.readers.opencode import OpencodeReader
from ringmaster_cli.agents.readers.text import TextReader

READERS: dict[Events, type[Reader]] = {
    Events.CLAUDE: ClaudeReader,
    Events.CODEX: CodexReader,
    Events.GEMINI: GeminiReader,
    Events.OPENCODE: OpencodeReader,
    Events.AIDER: AiderReader,
    Events.GOOSE: GooseReader,
    Events.TEXT: TextReader,
}


def make_reader(events: Events, context: Context) -> Reader:
    """A fresh reader for one run."""
    return READERS[events](context)
