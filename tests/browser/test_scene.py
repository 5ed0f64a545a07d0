"""A project in the middle of its work: its charts say what it cost and bought, its graph is moved by hand."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browsing import Desk
from support.clusters import REPOSITORY
from support.manifests import bead
from support.pictures import PICTURES, take
from support.scene import Scene


@pytest.fixture(scope="module")
def scene(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(cluster, tmp_path_factory.mktemp("scene"))
    try:
        made.play()
        yield made
    finally:
        made.fleet.clean()


@pytest.fixture(scope="module")
def team(scene: Scene, browser: Browser) -> Iterator[Desk]:
    made = Desk(scene.fleet.operator, scene.fleet.namespace, browser)
    yield made
    made.close()


def rows(page: Page, chart: str) -> list[list[str]]:
    """The numbers of a chart, as its CSV has them."""
    figure = page.locator("figure.chart", has_text=chart)
    with page.expect_download() as download:
        figure.get_by_role("link", name="CSV").click()
    return list(csv.reader(Path(download.value.path()).read_text().splitlines()))


def test_waste_is_seen_in_the_bar_and_in_its_numbers(team: Desk) -> None:
    page = team.person().visit("costs")
    figure = page.locator("figure.chart", has_text="US dollars a day")
    head, *days = rows(page, "US dollars a day")
    assert head[1:] == [
        "In attempts that succeeded",
        "In attempts that still run",
        "In attempts without success",
    ]
    report = team.call("GET", f"namespaces/{team.namespace}/costs?by=outcome")["items"]
    by = {item["keys"][0]: item["usd"] for item in report}
    bought, _, wasted = (sum(float(day[column]) for day in days) for column in (1, 2, 3))
    assert [bought, wasted] == pytest.approx([by["success"], by["failure"]])
    assert min(bought, wasted) > 0
    bar = figure.locator("rect.series-hatched").last
    assert re.fullmatch(r"url\(#.+\)", bar.get_attribute("fill") or "")  # not by its colour alone
    expect(figure.get_by_role("listitem")).to_have_count(3)
    figure.get_by_text("Numbers").click()
    expect(figure.get_by_role("table")).to_be_visible()


def test_a_confidence_is_drawn_as_it_came_about(team: Desk) -> None:
    page = team.person().visit("workers/w")
    told = team.call("GET", f"namespaces/{team.namespace}/capabilities/python/history?worker=w")["items"]
    assert {item["success"] for item in told} == {True, False}
    figure = page.locator("figure.chart", has_text="Confidence in python")
    expect(figure.locator(".point-bad")).to_have_count(sum(not item["success"] for item in told))
    expect(figure.locator("circle.point")).to_have_count(sum(item["success"] for item in told))
    head, *changes = rows(page, "Confidence in python")
    assert head[1:] == ["Learned"]
    assert [float(line[1]) for line in changes] == [item["confidence"] for item in reversed(told)]
    page.get_by_text("What counted", exact=True).click()
    expect(page.get_by_role("region", name="What counted for python")).to_contain_text("✕ old-browsers")


def test_a_graph_is_moved_by_hand_and_by_keys_and_fits(team: Desk) -> None:
    page = team.person(viewport={"width": 640, "height": 700}).visit("graph?done=1")
    frame = page.locator(".graph")
    node = page.get_by_role("link", name="Pay by card, Running")
    expect(node).to_be_visible()
    for _ in range(3):
        page.keyboard.press("+")
    assert frame.evaluate("(it) => it.scrollWidth > it.clientWidth + 100")
    before = frame.evaluate("(it) => it.scrollLeft")
    box = frame.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y, steps=4)
    page.mouse.up()
    assert frame.evaluate("(it) => it.scrollLeft") == before + 60
    assert "focus=" not in page.url  # what was pulled was not chosen
    frame.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(was) => document.querySelector('.graph').scrollLeft > was", arg=before + 60)
    page.keyboard.press("0")
    assert frame.evaluate("(it) => it.scrollWidth <= it.clientWidth && it.scrollHeight <= it.clientHeight")
    page.get_by_role("searchbox", name="Find a bead").fill("receipt")
    page.get_by_role("list", name="Found").get_by_role("link").click()
    assert page.url.endswith("focus=receipt")
    expect(page.get_by_text("Finishing it")).to_be_visible()


def test_pictures_are_small_and_of_what_the_docs_say(team: Desk) -> None:
    person = team.person(viewport={"width": 1360, "height": 800}, color_scheme="light")
    for picture in PICTURES:
        taken = take(person, picture)
        assert len(taken) < 150_000, picture
        kept = REPOSITORY / "docs" / "images" / f"{picture.name}.png"
        assert kept.is_file(), f"{kept} is missing: hack/docs pictures"


def test_of_very_many_beads_the_graph_says_what_it_leaves_out(team: Desk, scene: Scene) -> None:
    many = [
        bead(f"row-{number}", parent="checkout", dependsOn=["receipt"], priority="P4")
        for number in range(410)
    ]
    scene.fleet.apply(*many, bead("side", title="An epic of its own", type="epic"))
    scene.fleet.apply(bead("side-1", parent="side", dependsOn=["side-2"]), bead("side-2", parent="side"))
    page = team.person().visit("graph")
    said = page.get_by_role("status").filter(has_text="are not drawn")
    expect(said).to_contain_text("beads are not drawn", timeout=60000)
    expect(page.locator(".graph .node")).to_have_count(400)
    page.get_by_role("combobox", name="Epic").select_option("An epic of its own")
    expect(page.locator(".graph .node")).to_have_count(3)  # itself, and what is in it
    expect(said).to_have_count(0)
    assert "epic=side" in page.url


def saved(page: Page, link: str) -> list[dict[str, str]]:
    """The rows of a table's CSV."""
    with page.expect_download() as download:
        page.get_by_role("link", name=link).click()
    return list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))


def test_every_chart_has_its_numbers_as_a_table_and_as_csv(team: Desk) -> None:
    person, seen = team.person(), 0
    for place in ("overview", "costs", "costs?by=outcome", "workers/w"):
        page = person.settled(place)
        pictures = page.locator("main svg[role=img]:not(.meter)")
        charts = page.locator("main figure.chart")
        assert pictures.count() == charts.locator("svg[role=img]").count(), place  # none is left out
        for chart in charts.all():
            with page.expect_download() as download:
                chart.get_by_role("link", name="CSV").click()
            lines = list(csv.reader(Path(download.value.path()).read_text().splitlines()))
            table = chart.get_by_role("table")
            assert table.get_by_role("row").count() == len(lines) > 1
            assert [cell.inner_text() for cell in table.get_by_role("columnheader").all()] == lines[0]
            seen += 1
    assert seen >= 4


def test_tables_of_costs_and_capabilities_are_saved_as_they_are(team: Desk) -> None:
    person, at = team.person(), f"namespaces/{team.namespace}"
    told = team.call("GET", f"{at}/costs?by=outcome")["items"]
    rows = saved(person.settled("costs"), "Costs by outcome as CSV")
    assert {row["outcome"]: float(row["usd"]) for row in rows} == pytest.approx(
        {item["keys"][0]: item["usd"] for item in told}
    )
    (python,) = team.call("GET", f"{at}/capabilities")["items"]
    (row,) = saved(person.settled("workers/w"), "Capabilities as CSV")
    (known,) = python["workers"]
    assert row["capability"] == "python"
    assert float(row["confidence"]) == known["confidence"]
    assert [int(row["successes"]), int(row["failures"])] == [known["successes"], known["failures"]]
