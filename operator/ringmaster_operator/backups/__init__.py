"""Backups of the history and of the resources: made, proven, kept, restored.

A backup is a few files that share a name; its manifest is written last, so what has none is no backup.
"""
