from ringmaster_cli.agents.readers.text import TextReader


class GeminiReader(TextReader):
    """x"""
