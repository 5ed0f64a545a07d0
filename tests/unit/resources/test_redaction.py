"""Redaction: planted secrets never come out, what is no secret stays, and no text takes long."""

from __future__ import annotations

import base64
import json
import string
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.claims.hygiene import clean_heartbeat, clean_question, clean_report
from ringmaster_operator.resources.protocol import (
    AskRequest,
    HeartbeatRequest,
    Progress,
    Question,
    ReportRequest,
    SavedWork,
)
from ringmaster_operator.resources.redaction import MARK, Redactor, secret_values

ALNUM = string.ascii_letters + string.digits
LETTERS = st.text(alphabet=ALNUM, min_size=40, max_size=60)
PROSE = st.text(alphabet=string.ascii_lowercase + " .,\n", max_size=60)
SHAPES = (
    "ghp_{}", "github_pat_{}", "glpat-{}", "sk-{}", "sk-ant-api03-{}", "sk_live_{}", "xoxb-{}", "AIza{}",
    "npm_{}", "pypi-{}", "rmt_{}", "hf_{}", "hvs.{}", "dckr_pat_{}", "eyJ{0}.{0}.{0}",
)  # fmt: skip
PLACES = (
    "{}", "export API_TOKEN={}", "Authorization: Bearer {}", "Authorization: {}", "authorization: token {}",
    '{{"Authorization": "Bearer {}"}}', "-H 'X-Api-Key: {}'", "https://me:{}@host/x.git", "PASSWORD='{}'",
    '"password": "{}"', "client_secret={}&x=1", "AWS_SECRET_ACCESS_KEY={}", "--password {}", "STRIPE_KEY={}",
    "db.password: {}1a", "curl -u me:{} http://host", "https://{}@host/x.git", "Cookie: session={}",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY----- {}",
)  # fmt: skip


@given(prose=PROSE, shape=st.sampled_from(SHAPES), body=LETTERS, more=PROSE)
def test_tokens_of_known_shapes_never_come_out(prose: str, shape: str, body: str, more: str) -> None:
    secret = shape.format(body)
    clean = Redactor().text(f"{prose} {secret} {more}")
    assert body not in clean
    assert MARK in clean


@given(prose=PROSE, place=st.sampled_from(PLACES), secret=LETTERS, more=PROSE)
def test_what_stands_where_secrets_stand_never_comes_out(
    prose: str, place: str, secret: str, more: str
) -> None:
    if place == "{}":
        place = "TOKEN={}"
    clean = Redactor().text(f"{prose} {place.format(secret)}\n{more}")
    assert secret not in clean
    assert Redactor().text(clean) == clean


@given(
    secret=st.text(alphabet=ALNUM + "!@#%^&*/+=\"'\\ é", min_size=8, max_size=40).map(str.strip),
    prose=PROSE,
    more=PROSE,
)
def test_known_values_never_come_out_in_any_form(secret: str, prose: str, more: str) -> None:
    if len(secret) < 8:
        return
    redactor = Redactor([secret])
    coded = base64.b64encode(secret.encode()).decode().rstrip("=")
    for form in (secret, json.dumps(secret)[1:-1], coded):
        assert form not in redactor.text(f"{prose} {form} {more}")


@given(secret=LETTERS, cut=st.integers(8, 39))
def test_a_value_that_was_cut_does_not_come_out(secret: str, cut: int) -> None:
    redactor = Redactor([secret])
    assert secret[:cut] not in redactor.text(f"the value is {secret[:cut]}…")
    assert secret[-cut:] not in redactor.text(f"{secret[-cut:]} was the value")


def test_a_secret_of_many_lines_is_found_line_by_line() -> None:
    clean = Redactor(["first-line-of-it\nsecond-line-of-it"]).text("a first-line-of-it b\n second-line-of-it")
    assert "line-of-it" not in clean


@pytest.mark.parametrize(
    "text",
    [
        "unexpected token: RBRACE at line 3",
        "max_tokens=4000, 1200 output tokens",
        "the password field is required",
        "token = parser.next_token()",
        "git@github.com:team/repo.git at https://github.com/team/repo",
        "secretName: registry-login",
        "PASSWORD=$DB_PASSWORD make test",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "set TOKEN_FILE=/run/secrets/token",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_secrets_of_an_environment_are_known_by_their_names() -> None:
    env = {
        "GITHUB_TOKEN": "one-of-them",
        "DB_PASSWORD": "two-of-them",
        "STRIPE_KEY": "three-of-them",
        "PLAIN": "four-of-them",
        "PATH": "/usr/bin",
        "RINGMASTER_TOKEN_FILE": "/run/token",
        "MAX_TOKENS": "400000",
    }
    assert sorted(secret_values(env, named=["PLAIN"])) == [
        "four-of-them",
        "one-of-them",
        "three-of-them",
        "two-of-them",
    ]


def request(**fields: Any) -> ReportRequest:
    body = {
        "reportId": "report-0001",
        "fence": 1,
        "iteration": 1,
        "outcome": {
            "kind": "failed",
            "reason": "AgentError",
            "summary": "GITHUB_TOKEN=abcdef123456 is wrong",
        },
        "verify": [{"command": "make", "exitCode": 1, "seconds": 1, "output": "password=hunter2hunter2"}],
        "question": {"question": "Is https://me:hunter2@host/ right?"},
        "reflexion": {"lesson": "Set API_KEY=abcdef123456", "applies": {"failureClass": "AgentError"}},
        "finalText": "ghp_0123456789abcdefghij0123456789",
        "startedAt": "2026-11-24T12:00:00Z",
        "finishedAt": "2026-11-24T12:00:00Z",
        **fields,
    }
    return ReportRequest.check(body)


def test_the_operator_cleans_every_text_of_a_report_and_nothing_else() -> None:
    saved = SavedWork(branch="ringmaster/x", commit="b" * 40, bundle="QVBJX0tFWT1hYmNkZWYxMjM0NTY=")
    dirty = request(saved=saved.body())
    clean = clean_report(dirty)
    words = json.dumps(clean.body())
    for secret in ("abcdef123456", "hunter2", "ghp_"):
        assert secret not in words
    assert clean.outcome.reason == dirty.outcome.reason
    assert (clean.saved, clean.usage, clean.report_id) == (dirty.saved, dirty.usage, dirty.report_id)
    assert clean_report(clean) is clean


def test_the_operator_cleans_notes_and_questions() -> None:
    beat = HeartbeatRequest(fence=1, progress=Progress(note="curl -u me:hunter2hunter2"))
    assert "hunter2" not in clean_heartbeat(beat).progress.note
    asked = AskRequest(fence=1, iteration=1, question=Question(question="Is TOKEN=abcdef123456 right?"))
    assert "abcdef" not in clean_question(asked).question.question


@pytest.mark.parametrize(
    "piece",
    ["a", "token ", "secret", "http://", "-----BEGIN PRIVATE KEY-----", "A_", "-u ", '"', "eyJaaaaaaaa."],
)
def test_no_text_takes_long(piece: str) -> None:
    """Twice the text takes about twice the time: nothing in the patterns goes back over what it has seen."""
    short, long = piece * (20_000 // len(piece)), piece * (160_000 // len(piece))

    def seconds(text: str) -> float:
        best = 1e9
        for _ in range(3):
            begun = time.perf_counter()
            Redactor().text(text)
            best = min(best, time.perf_counter() - begun)
        return best

    assert seconds(long) < 40 * seconds(short) + 0.05
