"""What the docs say of resources, codes, metrics and settings is what the code says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter

from ringmaster_cli.agents.profiles import parse_profile
from ringmaster_cli.exits import MEANINGS
from ringmaster_operator import metrics
from ringmaster_operator.board.conditions import dress
from ringmaster_operator.board.facts import Readiness
from ringmaster_operator.claims.refusals import STATUS
from ringmaster_operator.notify import channels
from ringmaster_operator.resources.backup import BackupSchedule
from ringmaster_operator.resources.bead import FINISHED, Bead, BeadStatus
from ringmaster_operator.resources.project import CONFIG_KEY, CONFIG_MAP, Project
from ringmaster_operator.resources.worker import Worker
from support import renders
from support.docs import LINK, PAGES, ROOT, anchors, blocks, prose, table

KINDS = {"Bead": Bead, "Worker": Worker, "BackupSchedule": BackupSchedule}
PLURALS = {"bead": "beads", "worker": "workers"}
DOCUMENTS = [(str(block), body) for block in blocks("yaml") for body in yaml.safe_load_all(block.text)]
PATCH = re.compile(r"kubectl patch (bead|worker) \S+ --type=merge -p '([^']+)'")
PATCHES = [(str(block), *found) for block in blocks("sh") for found in PATCH.findall(block.text)]
PATHS = re.compile(r"`((?:spec|status)\.[A-Za-z0-9.]+)[^`]*`")


def test_the_docs_show_objects() -> None:
    assert {"Bead", "Worker", "ConfigMap"} <= {body["kind"] for _, body in DOCUMENTS}
    assert len(PATCHES) >= 2


@pytest.mark.parametrize(("where", "body"), DOCUMENTS, ids=str)
def test_shown_objects_pass_the_models(where: str, body: dict[str, Any], tmp_path: Path) -> None:
    if body["kind"] == "Kustomization":
        place = os.path.relpath(ROOT / "kustomize", tmp_path)
        (tmp_path / "kustomization.yaml").write_text(json.dumps(body).replace("../kustomize", place))
        assert renders.of(tmp_path), where
    elif body["kind"] == "ConfigMap":
        assert body["metadata"]["name"] == CONFIG_MAP, where
        Project.from_toml(body["data"][CONFIG_KEY])
    else:
        KINDS[body["kind"]].check(body)


def test_shown_profiles_projects_and_channels_are_well_formed(tmp_path: Path) -> None:
    shown = blocks("toml")
    assert shown
    for block in shown:
        if "command" in tomllib.loads(block.text):
            parse_profile(block.text, name="my-agent", source=str(block))
        elif "channels" in tomllib.loads(block.text):
            (tmp_path / "channels.toml").write_text(block.text)
            assert channels.read(tmp_path / "channels.toml")
        else:
            Project.from_toml(block.text)


@pytest.mark.parametrize(("where", "kind", "text"), PATCHES, ids=str)
def test_shown_patches_name_fields_that_exist(where: str, kind: str, text: str) -> None:
    for path in leaves(json.loads(text)):
        assert has_path(PLURALS[kind], path), f"{where}: {kind} has no {'.'.join(path)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_fields_that_are_named_exist(page: Path) -> None:
    for name in PATHS.findall(prose(page)):
        path = name.rstrip(".").split(".")
        assert any(has_path(plural, path) for plural in ("beads", "workers", "backupschedules")), name


def leaves(body: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of a patch's values."""
    for key, value in body.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


@cache
def schema(plural: str) -> dict[str, Any]:
    definition = yaml.safe_load((ROOT / "crds" / f"{plural}.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def has_path(plural: str, path: tuple[str, ...] | list[str]) -> bool:
    """Whether the kind's schema has such a field."""
    at = schema(plural)
    for name in path:
        at = at.get("items", at).get("properties", {}).get(name)
        if at is None:
            return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        goal = (page.parent / file).resolve() if file else page
        assert goal.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(goal), f"{page.name}: {target}; it has {sorted(anchors(goal))}"


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    missing = {page.name for page in PAGES if page.parent.name == "docs"} - {
        target.removeprefix("docs/") for target in linked
    }
    assert not missing


@pytest.mark.parametrize("page", ["README.md", "AGENTS.md"])
def test_folders_that_are_named_exist(page: str) -> None:
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).is_dir()] == []


def test_the_exit_codes_are_those_of_the_cli() -> None:
    wanted = [[str(code.value), code.name.lower(), meaning] for code, meaning in MEANINGS.items()]
    assert table("worker-cli.md", "code") == wanted


def test_the_reasons_are_those_of_the_board_each_with_its_phase() -> None:
    shown = {row[0]: row[1] for row in table("beads.md", "reason")}
    bead = Bead.check({"apiVersion": "ringmaster.dev/v1alpha1", "kind": "Bead", "metadata": {"name": "b"},
                       "spec": {"title": "t"}})  # fmt: skip
    now = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = {
        str(reason): str(dress(bead, BeadStatus(), readiness=reason, message="", now=now).phase)
        for reason in Readiness
    }
    ends = set(re.findall(r"[A-Z]\w+", shown["Finished"]))
    assert ends == {str(phase) for phase in FINISHED}
    # The board ends what is cancelled in the same step, so no Pending of that reason is ever seen.
    ended = {"Finished": "", "Cancelled": "Cancelled"}
    assert shown | {"Finished": ""} == wanted | ended


def test_the_problem_codes_are_those_of_the_protocol() -> None:
    shown = {row[0]: int(row[1]) for row in table("protocol.md", "code")}
    assert shown == {str(code): status for code, status in STATUS.items()}


def test_the_metrics_are_those_of_the_registry() -> None:
    shown = {row[0]: row[2] for row in table("metrics.md", "metric")}
    wanted = {}
    for item in vars(metrics).values():
        if hasattr(item, "_labelnames"):
            name = next(iter(item.describe())).name + ("_total" if isinstance(item, Counter) else "")
            wanted[name] = ", ".join(item._labelnames)
    assert shown == wanted


def test_the_sessions_environment_is_documented() -> None:
    read = re.compile(r"environ(?:\.get\(|\[)\"(RINGMASTER_[A-Z_]+)\"")
    used = {
        name
        for path in (ROOT / "cli" / "ringmaster_cli").rglob("*.py")
        for name in read.findall(path.read_text(encoding="utf-8"))
    }
    shown = set(
        re.findall(r"RINGMASTER_[A-Z_]+", " ".join(row[0] for row in table("worker-cli.md", "variable")))
    )
    assert {"RINGMASTER_URL", "RINGMASTER_HOME"} <= used
    assert used <= shown


def test_the_markers_of_the_stages_exist() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
    markers = {line.partition(":")[0] for line in options["markers"]}
    shown = {row[2].strip("`") for row in table("development.md", "stage")} - {"", "none"}
    assert shown
    assert shown <= markers


def test_the_generated_pages_are_what_the_code_says() -> None:
    program = [sys.executable, str(ROOT / "hack" / "docs")]
    done = subprocess.run([*program, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


GENERATED = {
    "settings.md": "8420",
    "api.md": "holdBead",
    "cli.md": "`ringmaster worker attach",
    "metrics.md": "ringmaster_outbox",
    "resources.md": "`spec.dependsOn`",
}
"""The generated pages, each with words that the code says."""


@pytest.mark.parametrize(("page", "word"), GENERATED.items())
def test_the_check_of_generated_pages_fails_on_drift(tmp_path: Path, page: str, word: str) -> None:
    code = f"from docslib.main import main; raise SystemExit(main([{str(tmp_path)!r}, '--check']))"
    for name in GENERATED:
        (tmp_path / name).write_text((ROOT / "docs" / name).read_text(encoding="utf-8"))
    drifted = tmp_path / page
    text = drifted.read_text(encoding="utf-8")
    begin = text.index("Generated by hack/docs")  # what is above is written by hand
    drifted.write_text(text[:begin] + text[begin:].replace(word, "something"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "hack", capture_output=True, text=True, check=False
    )
    assert (done.returncode, f"{page} differs: run hack/docs" in done.stdout) == (1, True)
    assert done.stdout.count("differs") == 1
