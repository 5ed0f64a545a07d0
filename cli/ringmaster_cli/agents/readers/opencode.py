from ringmaster_cli.agents.readers.text import TextReader


class OpencodeReader(TextReader):
    """x"""
