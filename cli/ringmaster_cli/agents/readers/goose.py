from ringmaster_cli.agents.readers.text import TextReader


class GooseReader(TextReader):
    """x"""
