"""The ways in: the one-time code of the first administrator, and an organisation's own provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from support.agents import REPOSITORY
from support.browsing import axe_finds, visitor
from support.front import PASSWORD
from support.openid_real import SECRET, RealProvider
from support.operators import OperatorProcess, free_port


@dataclass
class House:
    """An operator that nobody has signed in at yet, its provider, and a browser."""

    operator: OperatorProcess
    browser: Browser
    namespace: str

    def page(self, **context: Any) -> Page:
        page = visitor(self.browser, **context)
        page.goto(f"{self.operator.url}/ui/{self.namespace}/board")
        return page


@pytest.fixture(scope="module")
def house(cluster: Any, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("house")
    done = run([REPOSITORY / "hack" / "agents", "oidc-provider"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "secret").write_text(SECRET)
    namespace, port = f"house-{folder.name[-1]}{free_port()}", free_port()
    cluster.kubectl("create", "namespace", namespace)
    callback = f"http://127.0.0.1:{port}/api/v1/auth/oidc/callback"
    with RealProvider(Path(done.stdout.strip()), callback, folder / "provider.log") as provider:
        settings = {
            "RINGMASTER_OIDC_ISSUER": provider.issuer,
            "RINGMASTER_OIDC_CLIENT_SECRET_FILE": str(folder / "secret"),
            "RINGMASTER_WEB_URL": f"http://127.0.0.1:{port}",
            "RINGMASTER_OIDC_SCOPES": "openid profile groups",
            "RINGMASTER_OIDC_ROLES": f'{{"web": {{"{namespace}": "contributor"}}}}',
        }
        operator = OperatorProcess(cluster.kubeconfig, namespace, folder, settings=settings, port=port)
        operator.start()
        yield House(operator, browser, namespace)
        operator.stop()


def test_the_first_administrator_comes_in_by_the_one_time_code(house: House) -> None:
    page = house.page()
    expect(page.get_by_text("Nobody manages users yet")).to_be_visible()
    assert axe_finds(page) == []
    for code in ("wrong", (house.operator.folder / "state" / "first-admin-code").read_text().strip()):
        page.get_by_label("Code").fill(code)
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Become administrator").click()
        if code == "wrong":
            expect(page.get_by_role("alert")).not_to_be_empty()
    expect(page.get_by_role("heading", name="Board")).to_be_visible()
    assert page.url.endswith(f"/ui/{house.namespace}/board")
    page.get_by_role("button", name="Account of").click()
    expect(page.get_by_role("dialog")).to_contain_text("admin in all namespaces")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.get_by_label("Code").count() == 0
    assert page.evaluate("window.traces") == []
    page.context.close()


def test_an_organisation_signs_people_in_and_out(house: House) -> None:
    page = house.page()
    for _ in range(2):  # the second time it asks again: the session at the provider has ended too
        page.get_by_role("link", name="Sign in with your organisation").click()
        page.locator("input[name=login]").fill("ada")
        page.locator("input[name=password]").fill("any")
        page.locator("button[type=submit]").click()
        page.locator("button[type=submit]").click()  # it asks for consent
        expect(page.get_by_role("heading", name="Board")).to_be_visible()
        assert page.url == f"{house.operator.url}/ui/{house.namespace}/board"
        page.get_by_role("button", name="Account of").click()
        expect(page.get_by_role("dialog")).to_contain_text(f"contributor in {house.namespace}")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Yes, sign me out").click()
        expect(page.get_by_role("link", name="Sign in with your organisation")).to_be_visible()
        page.goto(f"{house.operator.url}/ui/{house.namespace}/board")
    assert page.evaluate("window.traces") == []
    page.context.close()


def test_who_a_provider_refuses_is_told_and_can_try_again(house: House) -> None:
    page = house.page()
    page.get_by_role("link", name="Sign in with your organisation").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(page.locator("body")).to_contain_text("access_denied")
    assert axe_finds(page) == []
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("link", name="Sign in with your organisation")).to_be_visible()
    page.context.close()
