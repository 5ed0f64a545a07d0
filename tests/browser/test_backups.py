"""The backups page: where the backups of each schedule go, in both themes, without another call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from support.browsing import Desk
from support.fleet import Fleet

GOES: dict[str, tuple[dict[str, Any], str]] = {
    "on-a-volume": ({"volumeClaim": "ringmaster-backups"}, "the volume claim ringmaster-backups"),
    "on-the-host": (
        {"hostPath": "/var/backups/ringmaster"},
        "the folder /var/backups/ringmaster on the operator\u2019s host",
    ),
    "at-amazon": (
        {"s3": {"bucket": "team-backups", "region": "eu-north-1", "secretRef": {"name": "keys-of-s3"}}},
        "s3://team-backups at AWS, eu-north-1",
    ),
    "in-a-bucket": (
        {
            "s3": {
                "bucket": "team-backups",
                "prefix": "ringmaster/prod/",
                "endpoint": "https://s3.example:9000",
                "secretRef": {"name": "keys-of-s3"},
            }
        },
        "s3://team-backups/ringmaster/prod at https://s3.example:9000",
    ),
}
"""Destinations by name of the schedule, and what the page says of them."""


def schedule(name: str, destination: dict[str, Any]) -> dict[str, Any]:
    """One that never runs."""
    executor = "CronJob" if "volumeClaim" in destination else "Host"
    spec = {"suspend": True, "hourly": {}, "executor": executor, "destination": destination}
    meta = {"name": name}
    return {"apiVersion": "ringmaster.dev/v1alpha1", "kind": "BackupSchedule", "metadata": meta, "spec": spec}


@pytest.fixture
def schedules(fleet: Fleet) -> Iterator[None]:
    fleet.apply(*(schedule(name, destination) for name, (destination, _) in GOES.items()))
    yield
    fleet.cluster.kubectl("delete", "-n", fleet.namespace, "backupschedule", *GOES)


def test_each_schedule_says_where_its_backups_go(desk: Desk, schedules: None) -> None:
    ada, asked = desk.person("eve"), list[str]()
    ada.page.on("request", lambda request: asked.append(request.url))
    page = ada.settled("backups")
    assert len([url for url in asked if "/backup-schedules" in url]) == 1, "until the clock asks again"
    for name, (_, words) in GOES.items():
        card = page.locator(f"section[data-key={name}]")
        goes = card.locator("p").filter(has_text="Goes to")
        expect(goes).to_have_text(f"Goes to {words}")
        expect(card).not_to_contain_text("keys-of-s3")
        expect(goes.get_by_role("link")).to_have_count(0)
    faults = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        ada.shot(f"backups-places-{theme}")
        faults += ada.unusable()
    assert faults == []
