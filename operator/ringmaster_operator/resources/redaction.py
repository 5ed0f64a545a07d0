"""Secrets taken out of texts: what agents and commands print is kept and shown, credentials in it are not.

A text is searched for the shapes that credentials have (tokens of well-known services, private keys,
Authorization headers, passwords in URLs, assignments to names that speak of secrets) and for values that are
known to be secret. A text that was searched before is left as it is.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

MARK = "[redacted]"
LEAST = 6
"""A known value shorter than this is not searched for: it would be found in half of all words."""
LEAST_PART = 8
"""So many characters of a known value are searched for where a text was cut."""
_KEYS = r"(?:encryption|signing|account|private|access|master|api|auth|ssh)[_-]?key"
_SECRET_WORD = rf"passw(?:or)?d|passphrase|secret|token(?!s)|credentials?|{_KEYS}|\bpwd"
_VALUE = rf"(?!{re.escape(MARK)})[^\s\"'`,;&|)\]}}<>$*{{]"

_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}"  # GitHub
    r"|gl(?:pat|ptt|dt|rt|cbt|soat)-[A-Za-z0-9_.-]{16,}"  # GitLab
    r"|sk-[A-Za-z0-9_-]{16,}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}"  # models, Stripe
    r"|xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"  # Slack
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{16,}"  # clouds
    r"|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}|dckr_pat_[A-Za-z0-9_-]{16,}|rubygems_[a-f0-9]{30,}"
    r"|hf_[A-Za-z0-9]{20,}|hv[sbr]\.[A-Za-z0-9_-]{20,}|do[opr]_v1_[a-f0-9]{32,}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{20,}|xai-[A-Za-z0-9]{20,}|gsk_[A-Za-z0-9]{20,}|rm[a-z]?_[A-Za-z0-9_-]{24,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"  # JSON web tokens
    r")"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_HEADER = re.compile(
    r"(\b(?:proxy-)?authorization|\bx-api-key|\bx-auth-token|\bprivate-token|\b(?:set-)?cookie)"
    r"([\"']?\s{0,3}[:=]\s{0,3}[\"']?)"
    rf"(?:(?:bearer|basic|token|digest|negotiate|apikey)\s+)?{_VALUE}[^\s\"',;]*",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{12,}", re.IGNORECASE)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}://)(?:([^\s/@:?#\"']*):[^\s/?#\"']+|[^\s/@:?#\"']{20,})@")
_ASSIGNED = re.compile(
    rf"((?:{_SECRET_WORD})(?![\w.-]{{0,40}}(?:file|path|name|ref)\b)[\w.-]{{0,40}}[\"']?(?::=|=>|=))"
    rf"(?:\"(?:[^\"\\\n]|\\.)+\"|'[^'\n]+'|{_VALUE}[^\s\"'`,;&|)\]}}]{{3,}})",
    re.IGNORECASE,
)
_FIELD = re.compile(
    rf"((?:{_SECRET_WORD})(?![\w.-]{{0,40}}(?:file|path|name|ref)\b)[\w.-]{{0,40}}[\"']?\s{{0,3}}"
    r"(?::=|=>|=|:)\s{0,3})(?:\"(?:[^\"\\\n]|\\.){4,}\"|'[^'\n]{4,}'"
    rf"|(?=[^\s\"']{{0,80}}[0-9])(?=[^\s\"']{{0,80}}[A-Za-z]){_VALUE}[^\s\"'`,;]{{5,}})",
    re.IGNORECASE,
)
_CAPITALS = re.compile(
    rf"(\b(?:[A-Z0-9_]{{0,60}}_)?(?:KEY|PASS|PAT|PWD|AUTH|CREDS?|DSN|SALT)=)"
    rf"(?:\"[^\"\n]+\"|'[^'\n]+'|{_VALUE}[^\s\"'`,;&|)]{{3,}})"
)
_OPTION = re.compile(
    rf"(--?(?:password|passwd|token|secret|api-key|client-secret)\s+)(?!-){_VALUE}[^\s\"']{{3,}}", re.I
)
_LOGIN = re.compile(rf"((?:\s-u\s?|--user[ =])[\"']?[^\s:\"']{{1,64}}:){_VALUE}[^\s\"']*")

_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL|_KEY$|_PAT$|_PASS$|_DSN$|_PWD$"
)
_NO_SECRET = re.compile(r"_(?:FILE|PATH|DIR|SOCK|NAME|TOKENS)$|_TOKENS(?:_|$)")
_KEPT = frozenset({"kind", "reason", "source", "failureClass", "priority", "type", "name", "dependsOn"})
"""Fields of fixed words and names: what stands in them is checked by the model."""
REPORTED = ("outcome", "verify", "question", "proposal", "reflexion", "finalText")
"""Fields of a report that hold what agents and commands said."""


def secret_values(env: Mapping[str, str], *, named: Iterable[str] = ()) -> list[str]:
    """Values of an environment that are secret by their names, and those of the `named` variables."""
    certain = set(named)
    return [
        value
        for name, value in env.items()
        if name in certain or (_SECRET_NAME.search(name.upper()) and not _NO_SECRET.search(name.upper()))
    ]


class Redactor:
    """Takes secrets out of texts; `values` are secrets that are known besides those of a known shape."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = sorted({form for value in values for form in _forms(value)}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, self._values))) if self._values else None

    def text(self, text: str) -> str:
        """The text with each secret in it replaced by [redacted]."""
        if self._known is not None:
            text = self._known.sub(MARK, text)
            text = self._cut(text)
        low = text.casefold()
        for words, pattern, mended in _PATTERNS:
            if not words or any(word in low for word in words):
                text = pattern.sub(mended, text)
        return text

    def body(self, value: Any) -> Any:
        """Every text in a JSON-ready value; field names, fixed words and numbers stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.body(item) for item in value]
        if isinstance(value, dict):
            return {key: item if key in _KEPT else self.body(item) for key, item in value.items()}
        return value

    def report(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A ReportRequest's body, in what agents and commands said; ids, usage and saved work stay."""
        return {key: self.body(item) if key in REPORTED else item for key, item in body.items()}

    def _cut(self, text: str) -> str:
        """Where a text was shortened in the midst of a known value, the rest of that goes as well."""
        ends = text.removesuffix("…")
        for value in self._values:
            for size in range(min(len(value) - 1, len(ends)), LEAST_PART - 1, -1):
                if ends.endswith(value[:size]):
                    return ends[:-size] + MARK
                if text.startswith(value[-size:]):
                    return MARK + text[size:]
        return text


def _assign(match: re.Match[str]) -> str:
    """The name as it was; the value's quotes stay, so that what is JSON stays JSON."""
    value = match[0][len(match[1]) :]
    mark = value[0] if value[:1] in ("'", '"') and value[-1:] == value[:1] else ""
    if value.strip("'\"") == MARK or value.strip("'\"").startswith(("$", "<")):
        return match[0]
    return f"{match[1]}{mark}{MARK}{mark}"


def _in_url(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2] or ''}:{MARK}@"


_WORDS = ("passw", "passphrase", "secret", "token", "credential", "key", "pwd")
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (("private key",), _PRIVATE_KEY, MARK),
    ((), _TOKENS, MARK),
    (("://",), _URL, _in_url),
    (("auth", "cookie", "key", "token"), _HEADER, rf"\1\2{MARK}"),
    (("bearer", "basic"), _BEARER, rf"\1\2{MARK}"),
    (_WORDS, _ASSIGNED, _assign),
    (_WORDS, _FIELD, _assign),
    (("=",), _CAPITALS, _assign),
    (("-",), _OPTION, _assign),
    (("-u", "-user"), _LOGIN, _assign),
)
"""In this order: words of which one must be there, what is looked for, what is put in its place."""


def _forms(value: str) -> Iterable[str]:
    """A secret value as it may be written: as it is, in JSON, in a URL, in base64, line by line."""
    forms = {value, json.dumps(value)[1:-1], quote(value, safe="")}
    forms.add(base64.b64encode(value.encode("utf-8", "replace")).decode().rstrip("="))
    forms.update(line.strip() for line in value.splitlines())
    return (form for form in forms if len(form) >= LEAST and form != MARK)
