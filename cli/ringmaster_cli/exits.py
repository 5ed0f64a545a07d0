"""Exit codes and errors of every command, in one place, so that scripts can rely on them.

A command that fails raises CliError (or a subclass); main prints its one line on stderr and exits with its
code. Nothing else leaves a command: what is not a CliError is a fault of ours and exits with INTERNAL.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code means; also shown by `ringmaster exit-codes`."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    NOTHING = 3
    REFUSED = 4
    LOST = 5
    UNREACHABLE = 6
    STOP = 7
    WORK_FAILED = 8
    FAULTS = 9


MEANINGS = {
    Exit.OK: "done",
    Exit.INTERNAL: "a fault of ringmaster or of this machine, named in one line (RINGMASTER_DEBUG=1: where)",
    Exit.USAGE: "bad usage: options, arguments or RINGMASTER_* settings",
    Exit.NOTHING: "there is nothing to do now",
    Exit.REFUSED: "the operator or the cluster refused; asking again will not help",
    Exit.LOST: "the claim is not ours any more: its results are not wanted",
    Exit.UNREACHABLE: "the operator or the cluster could not be reached; try later",
    Exit.STOP: "this session is to end: the operator (scale-down, changes, deletion) or a signal says so",
    Exit.WORK_FAILED: "the work could not start; report-result tells the operator why",
    Exit.FAULTS: "what was checked has faults, which are listed",
}


class CliError(Exception):
    """A failure that a person can act on: one line, and the exit code."""

    exit: Exit = Exit.INTERNAL

    def __init__(self, message: str, *, exit: Exit | None = None) -> None:
        super().__init__(message)
        if exit is not None:
            self.exit = exit


class UsageError(CliError):
    """Something was asked for in a way that cannot be done."""

    exit = Exit.USAGE


class Refused(CliError):
    """The operator understood, and says no."""

    exit = Exit.REFUSED


class Invalid(Refused):
    """What was sent is malformed or too large: no repetition makes it good."""


class Unauthenticated(Refused):
    """401: the token is missing, expired or not for this operator."""


class LostClaim(CliError):
    """The claim is over: nothing may be published or reported under it."""

    exit = Exit.LOST


class Fenced(LostClaim):
    """Another session holds the bead with a newer fencing token."""


class ClaimEnded(LostClaim):
    """The claim has ended (lease, cancel, deletion) or was never known."""


class Unreachable(CliError):
    """No answer from the operator in the time allowed; whether it acted is unknown, so ask again."""

    exit = Exit.UNREACHABLE


class Stopped(CliError):
    """This process was asked to stop (SIGTERM, SIGINT) while it could."""

    exit = Exit.STOP
