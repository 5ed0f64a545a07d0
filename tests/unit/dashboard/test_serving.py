"""What the operator serves as the dashboard: the files as they are, headers, caching."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from ringmaster_operator.dashboard import serving
from ringmaster_operator.dashboard.files import STATIC, Files

TEXTS = {str(file.relative_to(STATIC)): file.read_text() for file in STATIC.rglob("*") if file.is_file()}
SCRIPTS = {name: text for name, text in TEXTS.items() if name.endswith(".js")}


@pytest.fixture
async def browser() -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.include_router(serving.routes())
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        yield client


@pytest.mark.parametrize("path", ["/ui", "/ui/team/beads/a%2Fb", "/ui/_/sign-in"])
async def test_every_address_of_people_gets_the_page(browser: httpx2.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "@" not in answer.text, "a place that was not filled"


async def test_the_root_leads_to_the_dashboard(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/ui")


async def test_the_page_names_files_that_are_there_and_may_be_kept(browser: httpx2.AsyncClient) -> None:
    page = (await browser.get("/ui")).text
    named = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert f"{serving.STATIC}/{Files().version}/js/main.js" in named
    for path in named:
        answer = await browser.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
        assert answer.text == TEXTS[path.split("/", 4)[4]]


async def test_files_are_compressed_for_who_reads_that(browser: httpx2.AsyncClient) -> None:
    path = f"{serving.STATIC}/{Files().version}/js/main.js"
    async with browser.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw).decode() == TEXTS["js/main.js"]
    plain = await browser.get(path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"


async def test_what_has_not_changed_is_not_sent_again(browser: httpx2.AsyncClient) -> None:
    first = await browser.get("/ui")
    again = await browser.get("/ui", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await browser.get("/ui", headers={"if-none-match": '"other"'})
    assert other.status_code == 200


@pytest.mark.parametrize(
    "path", ["0000000000000000/js/main.js", "{}/js/none.js", "{}/index.html", "{}/../jsconfig.json", "{}/"]
)
async def test_only_files_of_this_version_are_served(browser: httpx2.AsyncClient, path: str) -> None:
    answer = await browser.get(f"{serving.STATIC}/{path.format(Files().version)}")
    if answer.headers["content-type"].startswith("text/html"):
        assert (await browser.get("/ui")).text == answer.text  # the client took /../ away: a page's address
    else:
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


@pytest.mark.parametrize("path", ["/", "/ui", "/ui/_static/none/none.js", "{}"])
async def test_the_policy_lets_nothing_in_from_elsewhere(browser: httpx2.AsyncClient, path: str) -> None:
    answer = await browser.get(path.format(f"{serving.STATIC}/{Files().version}/js/main.js"))
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_no_script_makes_markup_or_code_from_text(name: str) -> None:
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc|setHTML"
    assert re.findall(ways, SCRIPTS[name]) == []


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_scripts_are_small_and_import_what_is_there(name: str) -> None:
    assert len(SCRIPTS[name].splitlines()) < 300
    for place in re.findall(
        r'^(?:import|export) .*?from "([^"]+)";', SCRIPTS[name], re.MULTILINE | re.DOTALL
    ):
        assert place.startswith("."), place
        assert (STATIC / name).parent.joinpath(place).resolve().is_file(), place


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_file_names_another_host_or_brings_styles_of_its_own(name: str) -> None:
    hosts = [found for found in re.findall(r"\w+://[^\s\"'`<)]+", TEXTS[name]) if "www.w3.org" not in found]
    assert hosts == []
    ways = r"""\bstyle=|\bstyle: ["'`{](?!currency|short)|<style|@import|url\((?!#)"""
    assert re.findall(ways, TEXTS[name]) == []
