"""The session's cookie: where it is set, how it is taken away, and where it may be set at all."""

from __future__ import annotations

from starlette.responses import Response

from ringmaster_operator.api.caller import LOOPBACK_COOKIE, SECURE_COOKIE, Call
from ringmaster_operator.auth.errors import AuthError
from ringmaster_operator.resources.protocol import ProblemCode


def check_private(call: Call) -> None:
    """Refuse passwords and sessions over a connection that others can read."""
    if not call.secure and not call.local:
        raise AuthError(
            ProblemCode.FORBIDDEN,
            "signing in needs https: put a proxy with TLS in front and name it in RINGMASTER_TRUSTED_PROXIES,"
            " or come by kubectl port-forward",
        )


def set_session(response: Response, call: Call, secret: str, *, seconds: float) -> None:
    """Give the browser the session."""
    _set(response, call, secret, max_age=int(seconds))


def take_session(response: Response, call: Call) -> None:
    """Take it away from the browser."""
    _set(response, call, "", max_age=0)


def _set(response: Response, call: Call, value: str, *, max_age: int) -> None:
    response.set_cookie(
        SECURE_COOKIE if call.secure else LOOPBACK_COOKIE,
        value,
        max_age=max_age,
        path="/",
        secure=call.secure,
        httponly=True,
        samesite="strict",
    )
    response.headers["Cache-Control"] = "no-store"
