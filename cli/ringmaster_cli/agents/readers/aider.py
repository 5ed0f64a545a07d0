from ringmaster_cli.agents.readers.text import TextReader


class AiderReader(TextReader):
    """x"""
