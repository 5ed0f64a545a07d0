"""The page of notifications: be told, try it, mute it, have a room told, remove it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.browsing import Desk
from support.fleet import Fleet
from support.receivers import SECRET, receiver


@pytest.fixture
def channels(fleet: Fleet) -> Iterator[Path]:
    """The operator's file of channels, for one test."""
    file = fleet.folder / "channels.toml"
    former = file.read_text()
    yield file
    file.write_text(former)


def test_a_person_is_told_by_a_channel_of_their_choice(desk: Desk, channels: Path) -> None:
    with receiver() as there:
        hook = f'webhook = "{there.url}"\nsecrets = ["{SECRET}"]\nlocal = true\nabout = "<b>a hook</b>"\n'
        channels.write_text(f"[channels.mine]\npeople = true\n{hook}[channels.hall]\n{hook}")
        ada = desk.person()
        ada.expected += ("422 (Unprocessable",)
        page = ada.visit("notifications")
        page.get_by_role("button", name="Add a notification for you").click()
        assert ada.unusable() == []
        page.get_by_label("Channel").select_option("mine")
        page.get_by_label("Budgets").uncheck()
        page.get_by_label("Quiet from").fill("22:00")
        page.get_by_label("Quiet until").fill("7")
        page.get_by_role("dialog").get_by_role("button", name="Add").click()
        expect(page.get_by_role("alert")).to_contain_text("a time of day is written like 07:30")
        page.get_by_label("Quiet until").fill("07:00")
        ada.shot("notifications-add")
        page.get_by_role("dialog").get_by_role("button", name="Add").click()
        row = page.get_by_role("region", name="For you").locator("tbody tr").filter(has_text="mine")
        expect(row).to_contain_text("quiet 22:00")
        expect(row).not_to_contain_text("budget")
        row.get_by_role("button", name="Test").click()
        expect(page.get_by_role("status")).to_contain_text("A test message was sent")
        assert [post.notices[0]["kind"] for post in there.posts] == ["test"]
        row.get_by_role("button", name="Mute").click()
        expect(row).to_contain_text("muted until")
        page.get_by_role("button", name="Add a notification for all").click()
        page.get_by_label("Channel").select_option("hall")
        page.get_by_role("dialog").get_by_role("button", name="Add").click()
        shared = page.get_by_role("region", name="For all").locator("tbody tr").filter(has_text="hall")
        expect(shared).to_contain_text("everything")
        ada.shot("notifications")
        assert ada.unusable() == []
        for found in (row, shared):
            found.get_by_role("button", name="Remove").click()
            page.get_by_role("dialog").get_by_role("button", name="Remove").click()
            expect(found).to_have_count(0)
        eve = desk.person("eve").visit("notifications")
        expect(eve.get_by_role("button", name="Add a notification for you")).to_be_visible()
        expect(eve.get_by_role("heading", name="For all")).to_have_count(0)
