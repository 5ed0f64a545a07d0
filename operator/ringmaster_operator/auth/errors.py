"""Why a person is refused: one exception, which the API passes on."""

from __future__ import annotations

from ringmaster_operator.resources.protocol import ProblemCode


class AuthError(Exception):
    """The text says to a person what is wrong and what to do, and tells nothing that helps to guess."""

    def __init__(self, code: ProblemCode, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.retry_after = retry_after
        """Seconds until it is worth trying again."""


def unauthenticated(detail: str) -> AuthError:
    return AuthError(ProblemCode.UNAUTHENTICATED, detail)


def invalid(detail: str) -> AuthError:
    return AuthError(ProblemCode.INVALID, detail)


def not_found(detail: str) -> AuthError:
    return AuthError(ProblemCode.NOT_FOUND, detail)
