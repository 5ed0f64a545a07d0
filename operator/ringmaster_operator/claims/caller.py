"""Who calls the workers' protocol."""

from __future__ import annotations

from dataclasses import dataclass

from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.resources.protocol import ProblemCode


@dataclass(frozen=True)
class Caller:
    """Who a reviewed token belongs to: a Worker of a namespace."""

    namespace: str
    worker: str
    pod: str = ""
    """The pod that the token is bound to: it speaks for the session of that name and no other."""

    def check(self, session: str, what: str) -> None:
        """Raises Refused(FORBIDDEN) where the token is another session's."""
        if self.pod not in ("", session):
            raise Refused(ProblemCode.FORBIDDEN, f"this token is of session {self.pod}, {what} {session}")
