"""Which class of failure an agent's own error message tells of.

Only messages from the agent's error channel come here (its result, its error events, its standard error after
a failed exit), never what a tool printed or a file said: a test log that quotes "401" is not a bad key.
"""

from __future__ import annotations

import re

from ringmaster_operator.resources.bead import Reason

# The first match wins: a refused key often comes with words of the other classes around it.
PATTERNS: tuple[tuple[Reason, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(pattern, re.IGNORECASE))
    for reason, pattern in (
        (
            Reason.CREDENTIALS,
            r"\b(401|403)\b|authenticat|unauthori[sz]ed|(invalid|incorrect|expired|missing|no) (x-)?api"
            r"[ _-]?key|api key (is )?(not valid|expired|invalid|missing|not found)|permission_?denied"
            r"|please run /login|not logged in|oauth token|credit balance"
            r"|auth method|_API_KEY environment variable",
        ),
        (
            Reason.REFUSED,
            r"usage policy|content[_ ](policy|filter)|refus(al|ed to answer)|safety (system|reasons)",
        ),
        (
            Reason.PROVIDER,
            r"\b(429|5\d\d)\b|overloaded|rate.?limit|quota|too many requests|service unavailable|bad gateway"
            r"|internal server error|resource_?exhausted|econnrefused|econnreset|etimedout|enotfound"
            r"|connection (error|refused|reset)|stream disconnected|error sending request|fetch failed"
            r"|network error|request timed out|timeout waiting for|at capacity|high demand",
        ),
        (
            Reason.CONFIGURATION,
            r"unknown (option|argument|model)|unexpected argument|model.{0,80}(not found|not exist)"
            r"|not_found_error|no such (option|command)|error loading config|no conversation found",
        ),
    )
)


def classify(text: str) -> Reason | None:
    """The failure class that an error message names, or None."""
    head = text[:4096]
    return next((reason for reason, pattern in PATTERNS if pattern.search(head)), None)


def by_status(status: int) -> Reason | None:
    """The failure class of an HTTP status of the model's service, or None."""
    if status in (401, 403):
        return Reason.CREDENTIALS
    if status == 404:
        return Reason.CONFIGURATION
    return Reason.PROVIDER if status == 429 or status >= 500 else None
