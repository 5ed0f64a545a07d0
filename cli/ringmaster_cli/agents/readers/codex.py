from ringmaster_cli.agents.readers.text import TextReader


class CodexReader(TextReader):
    """x"""
