"""What can go wrong with a backup or a restore, in words that a person can act on."""

from __future__ import annotations

from ringmaster_cli.exits import CliError, Exit


class BackupError(CliError):
    """It did not work; the text says why, what state things are in, and what to do."""


class Busy(BackupError):
    """Another run has the target, or somebody has the database."""

    exit = Exit.REFUSED


class NotThere(BackupError):
    """There is no such backup, or none at all."""

    exit = Exit.NOTHING


class Damaged(BackupError):
    """A backup is not what its manifest says."""

    exit = Exit.FAULTS


class TargetFault(BackupError):
    """The place of the backups cannot be used now."""

    exit = Exit.UNREACHABLE


class NoSpace(TargetFault):
    """There is too little room; nothing was begun."""


class NoResources(BackupError):
    """The cluster does not answer, or may not be read; the database is backed up all the same."""

    exit = Exit.UNREACHABLE
