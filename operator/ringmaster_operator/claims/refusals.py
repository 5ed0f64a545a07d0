"""Why a call of a session is refused: one exception, whose code and status the API passes on."""

from __future__ import annotations

from ringmaster_operator.resources.protocol import ProblemCode

STATUS = {
    ProblemCode.UNAUTHENTICATED: 401,
    ProblemCode.FORBIDDEN: 403,
    ProblemCode.NOT_FOUND: 404,
    ProblemCode.INVALID: 422,
    ProblemCode.TOO_LARGE: 413,
    ProblemCode.FENCED: 409,
    ProblemCode.CLAIM_ENDED: 409,
    ProblemCode.CONFLICT: 409,
    ProblemCode.PRECONDITION_FAILED: 412,
    ProblemCode.PRECONDITION_REQUIRED: 428,
    ProblemCode.METHOD_NOT_ALLOWED: 405,
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ProblemCode.THROTTLED: 429,
    ProblemCode.UNAVAILABLE: 503,
}


class Refused(Exception):
    """The text says to a person what is wrong and what to do."""

    def __init__(self, code: ProblemCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.status = STATUS[code]


def ended() -> Refused:
    """Of a claim id that can't be used any more."""
    return Refused(ProblemCode.CLAIM_ENDED, "this claim has ended; claim with a fresh id")
