"""What every kind of answer tells a browser: what it is, and that nothing else may come of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest

from support.browsing import Desk

PAGES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
REST = {"default-src": "'none'", "frame-ancestors": "'none'"}
JSON, PROBLEM = "application/json", "application/problem+json"
KINDS = {
    "GET /": (307, ""),
    "GET /ui": (200, "text/html"),
    "GET /ui/%3Cscript%3E/a/b": (200, "text/html"),
    "GET /ui/_static/none/none.js": (404, "text/plain"),
    "GET /healthz": (200, "text/plain"),
    "GET /readyz": (200, "text/plain"),
    "GET /metrics": (200, "text/plain"),
    "GET /nowhere": (404, PROBLEM),
    "GET /api/v1/nowhere": (404, PROBLEM),
    "GET /api/v1/openapi.json": (200, JSON),
    "GET /api/v1/auth/me": (200, JSON),
    "GET /api/v1/auth/methods": (200, JSON),
    "GET /api/v1/auth/oidc/start": (404, PROBLEM),
    "GET /api/v1/auth/oidc/callback?state=a&code=b": (401, PROBLEM),
    "GET /api/v1/users": (200, JSON),
    "GET /api/v1/audit": (200, JSON),
    "GET /api/v1/namespaces/{ns}/beads": (200, JSON),
    "GET /api/v1/namespaces/{ns}/beads/none": (404, PROBLEM),
    "GET /api/v1/namespaces/{ns}/beads/<script>": (422, PROBLEM),
    "GET /api/v1/namespaces/{ns}/workers/w": (200, JSON),
    "GET /api/v1/namespaces/{ns}/costs?format=csv": (200, "text/csv"),
    "GET /api/v1/namespaces/{ns}/watch?seconds=1": (200, "text/event-stream"),
    "PUT /api/v1/auth/me": (405, PROBLEM),
    "POST /api/v1/claims": (401, PROBLEM),
    "POST /api/v1/namespaces/{ns}/beads": (422, PROBLEM),
}


def policy(answer: httpx2.Response) -> dict[str, str]:
    found = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert len(answer.headers.get_list("content-security-policy")) == 1
    return found


def checked(answer: httpx2.Response, *, page: bool) -> None:
    """The headers, to the letter."""
    assert policy(answer) == (PAGES if page else REST), answer.url
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == ("same-origin" if page else "no-referrer")
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    if not page:
        cached = "private, no-cache" if "etag" in answer.headers else "no-store"
        assert answer.headers["cache-control"] == cached, answer.url


@pytest.fixture
def stranger(desk: Desk) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=desk.operator.url, follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_says_what_may_come_of_it(
    desk: Desk, stranger: httpx2.Client, kind: str
) -> None:
    method, path = kind.replace("{ns}", desk.namespace).split(" ", 1)
    client = stranger if "claims" in path else desk.admin
    body: object = {} if method == "POST" else None
    answer = client.request(method, desk.operator.url + path, json=body)
    status, media = KINDS[kind]
    assert (answer.status_code, answer.headers.get("content-type", "").partition(";")[0]) == (status, media)
    checked(answer, page=path == "/" or path.startswith("/ui"))


def test_every_file_of_the_page_and_the_page_hold_nothing_inline(desk: Desk, stranger: httpx2.Client) -> None:
    page = stranger.get("/ui").text
    named = re.findall(r'(?:href|src)="(/[^"]+)"', page)
    assert len(named) > 20
    for path in named:
        checked(stranger.get(path), page=True)
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=|javascript:|data:", page) == []


def test_answers_that_change_something_or_nothing_are_told_alike(desk: Desk, stranger: httpx2.Client) -> None:
    at = f"{desk.operator.url}/api/v1/namespaces/{desk.namespace}"
    made = desk.admin.post(f"{at}/beads", json={"spec": {"title": "Checked", "desired": "Hold"}})
    assert made.status_code == 201
    name = made.json()["metadata"]["name"]
    again = made
    while again.status_code != 304:  # its status comes meanwhile
        again = desk.admin.get(f"{at}/beads/{name}", headers={"If-None-Match": again.headers["etag"]})
    unasked = stranger.get(f"{at}/beads/{name}")
    large = desk.admin.post(f"{at}/beads", content=b"x" * 2_000_000, headers={"Content-Type": JSON})
    other = desk.admin.post(f"{at}/beads", content=b"<x/>", headers={"Content-Type": "text/xml"})
    gone = desk.admin.delete(f"{at}/beads/{name}", headers={"If-Match": "*"})
    for answer in (made, again, unasked, large, other, gone):
        checked(answer, page=False)
    codes = [answer.status_code for answer in (again, unasked, large, other)]
    assert codes == [304, 401, 413, 415]
    assert gone.is_success
