"""The page of notifications: be told, try it, mute it, have a room told, remove it."""

from __future__ import annotations

from playwright.sync_api import expect

from support.browsing import Desk
from support.fleet import Fleet
from support.receivers import SECRET, receiver


def test_a_person_is_told_by_a_channel_of_their_choice(desk: Desk, fleet: Fleet) -> None:
    file = fleet.folder / "channels.toml"
    with receiver() as there:
        hook = f'webhook = "{there.url}"\nsecrets = ["{SECRET}"]\nlocal = true\nabout = "<b>a hook</b>"\n'
        file.write_text(f"[channels.me]\npeople = true\n{hook}[channels.room]\n{hook}")
        ada = desk.person()
        ada.expected += ("422 (Unprocessable",)
        page = ada.visit("notifications")
        page.get_by_role("button", name="Add a notification for you").click()
        assert ada.unusable() == []
        page.get_by_label("Channel").select_option("me")
        page.get_by_label("Budgets").uncheck()
        page.get_by_label("Quiet from").fill("22:00")
        page.get_by_label("Quiet until").fill("7")
        page.get_by_role("dialog").get_by_role("button", name="Add").click()
        expect(page.get_by_role("alert")).to_contain_text("a time of day is written like 07:30")
        page.get_by_label("Quiet until").fill("07:00")
        ada.shot("notifications-add")
        page.get_by_role("dialog").get_by_role("button", name="Add").click()
        row = page.get_by_role("region", name="For you").locator("tbody tr")
        expect(row).to_contain_text("quiet 22:00")
        expect(row).not_to_contain_text("budget")
        row.get_by_role("button", name="Test").click()
        expect(page.get_by_role("status")).to_contain_text("A test message was sent")
        assert [post.notices[0]["kind"] for post in there.posts] == ["test"]
        row.get_by_role("button", name="Mute").click()
        expect(row).to_contain_text("muted until")
        page.get_by_role("button", name="Add a notification for all").click()
        page.get_by_label("Channel").select_option("room")
        page.get_by_role("dialog").get_by_role("button", name="Add").click()
        shared = page.get_by_role("region", name="For all").locator("tbody tr")
        expect(shared).to_contain_text("room")
        ada.shot("notifications")
        assert ada.unusable() == []
        for found in (row, shared):
            found.get_by_role("button", name="Remove").click()
            page.get_by_role("dialog").get_by_role("button", name="Remove").click()
            expect(found).to_have_count(0)
        eve = desk.person("eve").visit("notifications")
        expect(eve.get_by_role("button", name="Add a notification for you")).to_be_visible()
        expect(eve.get_by_role("heading", name="For all")).to_have_count(0)
    file.write_text("[channels]\n")
