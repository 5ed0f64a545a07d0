"""A cluster from the previous version on: upgraded with its history, gone back from, downgraded, cleared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ringmaster_operator.history import migrate
from support import account, images
from support.clusters import OwnCluster
from support.downtime import answers, downtime, service
from support.installs import SCHEDULE, Person, overlay
from support.manifests import bead, listed
from support.node_backups import ATTEMPTS, DONE, RESTORING, WELL, Scene, fleet
from support.previous import BREAKS, NEXT, TAG, Previous, previous

pytestmark = [pytest.mark.node, pytest.mark.timeout(1200)]

PROJECT = "upgraded"
OPERATOR = "localhost/ringmaster/operator"
PLACE = "/opt/ringmaster/lib/python3*/site-packages/ringmaster_operator"
BROKEN = f"""\
FROM {OPERATOR}:dev
USER 0
COPY breaks.py next.py /tmp/
RUN cd {PLACE} && cp /tmp/next.py history/migrations/versions/9999_next.py \
    && grep -v "from __future__" main.py > /tmp/main.py && cat /tmp/breaks.py /tmp/main.py > main.py
USER 65532
"""


@pytest.fixture
def before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Previous:
    (tmp_path / "previous").mkdir()
    found = previous(tmp_path / "previous")
    with capsys.disabled():
        print(f"\nthe cluster is upgraded from {found.said}")
    return found


@pytest.fixture
def scene(own_node_cluster: OwnCluster, before: Previous, tmp_path: Path) -> Scene:
    own_node_cluster.load(*before.images(), *images.build(), _broken(tmp_path / "broken"))
    own_node_cluster.kubectl("create", "namespace", PROJECT)
    return Scene(own_node_cluster, PROJECT)


def _broken(folder: Path) -> str:
    folder.mkdir()
    (folder / "breaks.py").write_text(BREAKS)
    (folder / "next.py").write_text(NEXT)
    return images.derive(folder, f"{OPERATOR}:broken", BROKEN)


def test_a_cluster_lives_through_versions(scene: Scene, before: Previous, tmp_path: Path) -> None:
    former, run = Person(scene.cluster, tree=before.tree), Person(scene.cluster)
    first = overlay(tmp_path / "1", tree=before.tree)
    of_before = ("install", "cluster", "--overlay", first, "--image", f"{OPERATOR}:{TAG}", "--yes")
    assert former(*of_before)[0] == 0
    assert "nothing to change" in former(*of_before)[1]
    scene.system("create", "-f-", stdin=json.dumps(SCHEDULE))
    workers = fleet(1)
    workers["spec"]["pod"]["image"] = f"localhost/ringmaster/test-agent:{TAG}"
    scene.project("create", "-f-", stdin=listed([workers]))
    _work(scene, "first")
    _work(scene, "second")

    second = ("install", "cluster", "--overlay", overlay(tmp_path / "2"), "--yes")
    with service(scene.cluster, account.NAMESPACE, "ringmaster", 8420) as url:
        scene.until(lambda: answers(url), "Workers reach the operator")
        with downtime(url, "upgrade") as down:
            code, said = run(*second)
            scene.until(lambda: answers(url), "Workers reach the upgraded operator")
    assert (code, "backed up as ringmaster-manual-" in said) == (0, True)
    assert down.seconds > 0, "another program answers than before"
    code, said = run(*second)
    assert (code, "nothing to change" in said) == (0, True)
    assert _history(scene) == {"first", "second"}
    assert scene.done() == {"first", "second"}
    assert scene.status()["kept"]["manual"] == 1
    _work(scene, "third")

    if migrate.head() not in before.schemas():
        code, said = run(*of_before, "--timeout", "60")
        assert code in (1, 4), said
        assert "written by a newer Ringmaster" in said or "objects would lose that" in said
        scene.ready()
    _an_upgrade_that_does_not_come_up(scene, run, second)
    _work(scene, "fourth")
    assert _history(scene) == {"first", "second", "third", "fourth"}

    for code in (0, 3):
        assert run("uninstall", "--yes", "--now", "--purge")[0] == code


def _an_upgrade_that_does_not_come_up(scene: Scene, run: Person, install: tuple[str, ...]) -> None:
    """It has upgraded the history, which the former operator can't read: one command puts it back."""
    code, said = run(*install, "--image", f"{OPERATOR}:broken", "--timeout", "45")
    assert code == 1, said
    assert "neither the new nor the former operator gets ready" in said
    assert f"put back {scene.status()['lastSuccess']['name']}" in said
    assert f"kubectl apply -k {RESTORING}" in said
    scene.restore(RESTORING)
    scene.ready()
    image = "-o=jsonpath={.spec.template.spec.containers[0].image}"
    assert scene.system("get", "deployment/ringmaster-operator", image) == f"{OPERATOR}:dev"
    assert _history(scene) == {"first", "second", "third"}


def _work(scene: Scene, name: str) -> None:
    scene.project("create", "-f-", stdin=listed([bead(name, description=DONE)]))
    scene.until(lambda: name in scene.done(), f"{name} is done")


def _history(scene: Scene) -> set[str]:
    """Beads that it has a success of; every one has one attempt."""
    rows = scene.ask(ATTEMPTS)
    assert all(kind == WELL for _, kind in rows), rows
    return {name for name, _ in rows}
