"""A host from the previous version on: upgraded, restored, gone back from with its history, downgraded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringmaster_operator.history import migrate
from support.clusters import OwnCluster, fresh_namespace
from support.downtime import downtime
from support.hosts import RINGMASTER, Site, changed, make_bundle
from support.machine import Machine
from support.manifests import bead
from support.previous import BREAKS, NEXT, Previous, previous
from support.reading import create
from support.sessions import Session, make_worker, token_of

pytestmark = [pytest.mark.node, pytest.mark.timeout(1800)]

ATTEMPTS = "select bead, kind from attempt order by bead"
SCHEMA = "select version_num from alembic_version"
#: The operator does not start with a history that lacks this bead.
REFUSES = """\
[Service]
ExecStartPre=/usr/bin/python3 -c "import sqlite3, sys; \
db = sqlite3.connect('/var/lib/ringmaster/ringmaster.db'); \
sys.exit(db.execute('select 1 from attempt where bead = ?', ('second',)).fetchone() is None)"
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("dist"))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    place = tmp_path / "machine"
    place.mkdir()
    with Machine(place) as made:
        yield made


@pytest.fixture
def before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Previous:
    (tmp_path / "previous").mkdir()
    found = previous(tmp_path / "previous")
    with capsys.disabled():
        print(f"\nthe host is upgraded from {found.said}")
    return found


class Story:
    """A host, its fleet, and what they have been through."""

    def __init__(self, site: Site, cluster: OwnCluster, namespace: str) -> None:
        self.site = site
        self.cluster = cluster
        self.namespace = namespace
        make_worker(cluster, namespace)

    async def work(self, name: str) -> None:
        """A bead is made, claimed and reported on."""
        session = Session(self.site.url, token_of(self.cluster, self.namespace, "fleet"))
        try:
            create(self.cluster, self.namespace, bead(name))
            claimed = await session.pull(wait=20)
            assert claimed is not None
            assert claimed.bead.name == name
            assert (await session.report(claimed))[0] == 200
        finally:
            await session.close()

    def holds(self, *beads: str) -> None:
        """The operator runs, and its history has these and no others."""
        self.site.works()
        assert self.site.rows(ATTEMPTS) == [[name, "success"] for name in beads]
        assert self.site.owners() == {"ringmaster"}


async def test_a_host_lives_through_versions(
    bundle: Path,
    before: Previous,
    machine: Machine,
    own_cluster: OwnCluster,
    tmp_path: Path,
) -> None:
    site = Site(machine, own_cluster, tmp_path)
    story = Story(site, own_cluster, fresh_namespace(own_cluster))
    former = older(bundle, before, tmp_path / "older")
    own = {"PYTHONPATH": f"{before.tree}/cli:{before.tree}/operator"}  # installed by its own program
    for _ in range(2):
        assert site.install(former, **own).returncode == 0
    await story.work("first")

    with downtime(site.url, "upgrade") as down:
        done = site.install(bundle)
    assert (done.returncode, "backed up as ringmaster-manual-" in done.stderr) == (0, True), done
    assert down.seconds > 0, "another program answers than before"
    story.holds("first")
    done = site.install(bundle)
    assert (done.returncode, "nothing to change" in done.stderr) == (0, True), done
    await story.work("second")

    _a_restore_that_does_not_come_up(story)
    await story.work("third")
    _an_upgrade_that_does_not_come_up(story, changed(bundle, tmp_path, BREAKS, {MIGRATION: NEXT}))
    await story.work("tomorrow")
    _a_downgrade(story, former, newer=migrate.head() not in before.schemas())

    for code in (0, 3):
        assert machine.run(*UNINSTALL).returncode == code
    assert "ringmaster.db" in machine.said("ls", "/var/lib/ringmaster")


MIGRATION = "ringmaster_operator/history/migrations/versions/9999_next.py"
UNINSTALL = (RINGMASTER, "uninstall", "--host", "--yes")


def older(bundle: Path, before: Previous, folder: Path) -> Path:
    """A bundle with the previous version's wheel."""
    folder.mkdir()
    made = changed(bundle, folder, "")
    next(made.glob("wheels/ringmaster-*.whl")).unlink()
    before.wheel(made / "wheels")
    return made


def _a_restore_that_does_not_come_up(story: Story) -> None:
    """Of the backup before the upgrade, with which the unit does not start: all is as it was."""
    drop_in = "/etc/systemd/system/ringmaster-operator.service.d/refuses.conf"
    write = f"mkdir -p $(dirname {drop_in}); cat > {drop_in} <<'END'\n{REFUSES}END\nsystemctl daemon-reload"
    story.site.machine.said("sh", "-c", write)
    restore = ("restore", "latest", "--unit", "ringmaster-operator", "--force", "--timeout", "20")
    done = story.site.ringmaster(*restore)
    assert done.returncode == 1, done
    assert "what was there before is in place again, and the operator runs with it" in done.stderr
    story.holds("first", "second")
    story.site.machine.said("sh", "-c", f"rm {drop_in}; systemctl daemon-reload")


def _an_upgrade_that_does_not_come_up(story: Story, broken: Path) -> None:
    schema = story.site.rows(SCHEMA)
    with downtime(story.site.url, "an upgrade that does not come up, and the way back"):
        done = story.site.install(broken, "--timeout", "30")
    assert done.returncode == 1, done
    assert "the former version is back, and the history as it was (backup ringmaster-manual-" in done.stderr
    assert "this version is broken" in done.stderr
    assert story.site.rows(SCHEMA) == schema
    story.holds("first", "second", "third")


def _a_downgrade(story: Story, former: Path, *, newer: bool) -> None:
    done = story.site.install(former, "--timeout", "30")
    if newer:
        assert done.returncode == 1, done
        assert "the former version is back, since the new one did not get ready" in done.stderr
        assert "written by a newer Ringmaster" in done.stderr
    story.holds("first", "second", "third", "tomorrow")
