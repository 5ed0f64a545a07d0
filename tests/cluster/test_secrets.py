"""Secrets that agents meet and people type: none is in the database, the log, the API or the cluster."""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ringmaster_operator.resources.records import inflated
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import make_worker
from support.station import AGENT, Station, git, steps
from support.tenants import PASSWORD, Person, Tenants, filled

pytestmark = pytest.mark.cluster


def made_up(count: int) -> str:
    """A value that is nowhere else, with letters and digits."""
    return "a1" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(count))


class Planted:
    """One secret of each kind; `all` is what must not be found."""

    def __init__(self) -> None:
        self.environment = f"correct-{made_up(12)}-staple"  # known by its variable's name alone
        self.token = f"ghp_{made_up(34)}"
        self.password = made_up(14)
        self.key = made_up(60)

    @property
    def all(self) -> list[str]:
        return [self.environment, self.token, self.password, self.key]

    @property
    def document(self) -> str:
        """A file of the repository that prompts are made from."""
        return f"# House rules\nPush with GITHUB_TOKEN={self.token}\n"

    @property
    def shown(self) -> str:
        """What an agent that is careless says."""
        return (
            f"The remote https://bot:{self.password}@git.example.com/x.git wants Authorization: Bearer"
            f" {self.token} -----BEGIN PRIVATE KEY-----\n{self.key}\n-----END PRIVATE KEY-----"
        )


@pytest.fixture
def planted() -> Planted:
    return Planted()


@pytest.fixture
def scene(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[Tenants]:
    """An operator of one namespace, whose log and database begin with the test."""
    operator = OperatorProcess(cluster.kubeconfig, namespace, tmp_path)
    operator.start()
    yield Tenants(cluster, operator, (namespace, "elsewhere"))
    operator.stop()
    print(operator.tail())


def station(scene: Tenants, planted: Planted, folder: Path) -> Station[OperatorProcess]:
    """A session with a secret in its environment, on a repository with one in its documents."""
    namespace = scene.namespaces[0]
    agent = {"profile": "claude-code", "command": [str(AGENT)]}
    token = make_worker(scene.cluster, namespace, agent=agent)
    seed, origin = folder / "seed", folder / "origin.git"
    seed.mkdir()
    git(seed, "init", "--quiet", "--initial-branch=main")
    (seed / "AGENTS.md").write_text(planted.document)
    git(seed, "add", ".")
    git(seed, "commit", "--quiet", "-m", "Begin")
    git(folder, "clone", "--quiet", "--bare", str(seed), str(origin))
    extra = {"RINGMASTER_NAMESPACE": namespace, "DEPLOY_PASSWORD": planted.environment}
    made = Station(desk=scene.operator, folder=folder, origin=origin, extra=extra)
    made.token_file.write_text(token)
    return made


def work(scene: Tenants, here: Station[OperatorProcess], planted: Planted) -> None:
    """Three beads whose agents say, print and ask what they should keep to themselves."""
    print_all = {"run": "env; cat AGENTS.md; echo $DEPLOY_PASSWORD"}
    write_down = {"run": "echo it is $DEPLOY_PASSWORD >notes; cat AGENTS.md >>notes"}
    said = f"{planted.shown} and {planted.environment}"
    ask = {"question": f"May I use {said}?", "recommendation": said}
    played = {
        "failed": (steps(print_all, {"say": said}, {"failed": said}), []),
        "unproven": (
            steps(print_all, write_down, {"done": said}),
            ["cat AGENTS.md; echo $DEPLOY_PASSWORD; false"],
        ),
        "asking": (steps(print_all, {"ask": ask}), []),
    }
    limits = {"maxIterations": 1, "maxAttempts": 1}
    # The words are the agent's: they come from a file of its own, since a bead's text is its author's.
    for name, (run, verify) in played.items():
        file = here.folder / f"{name}.json"
        file.write_text(json.dumps({"runs": [run]}))
        more: dict[str, Any] = {"acceptance": {"verify": verify}} if verify else {}
        item = bead(name, repository={"url": str(here.origin)}, limits=limits, **more)
        scene.cluster.kubectl("create", "-n", scene.namespaces[0], "-f-", stdin=listed([item]))
        here.extra["RINGMASTER_SCENARIO"] = str(file)
        done = here.run("worker", "run", "--once", timeout=120)
        assert done.returncode in (0, 8), done.stdout + done.stderr


def everything(scene: Tenants, person: Person) -> dict[str, str]:
    """All that is kept and told, by where it is."""
    namespace, folder = scene.namespaces[0], scene.operator.folder
    found = {"log": scene.operator.log.read_text(errors="replace")}
    for file in folder.glob("ringmaster.db*"):
        found[file.name] = file.read_bytes().decode("latin-1")
    kinds = "beads,workers,events,configmaps"
    found["cluster"] = str(scene.cluster.kubectl("get", kinds, "-n", namespace, "-o", "json"))
    for route in scene.routes():
        if route.method != "GET" or "{id}" in route.path or "/oidc/" in route.path:
            continue
        if "{iteration_id}" in route.path:
            continue
        for name in ("failed", "unproven", "asking"):
            path = filled(route.path, namespace=namespace, name=name)
            query = {"q": "the remote"} if route.id == "searchLessons" else {}
            found[f"{route.id} {name}"] = person.call("GET", path, **query).text
    return found | kept_records(scene)


def kept_records(scene: Tenants) -> dict[str, str]:
    """Records as they lie in the database, unpacked."""
    found = {}
    with closing(
        sqlite3.connect(f"file:{scene.operator.folder}/ringmaster.db?mode=ro", uri=True)
    ) as database:
        rows = "SELECT bead_uid, kind, content FROM record JOIN iteration ON iteration.id = iteration_id"
        for uid, kind, content in database.execute(rows):
            found[f"record {kind} {uid}"] = inflated(content).decode()
    return found


def test_what_agents_meet_stays_with_them(scene: Tenants, planted: Planted, tmp_path: Path) -> None:
    here = station(scene, planted, tmp_path)
    work(scene, here, planted)
    kept = "".join(file.read_text(errors="replace") for file in here.home.rglob("*") if file.is_file())
    assert planted.environment in kept  # the agent did print it, on its own machine
    person = scene.identity(scene.namespaces[0])
    found = everything(scene, person)
    records = {place.split()[1] for place in found if place.startswith("record ")}
    assert records == {"prompt", "transcript", "diff"}
    assert sum(text.count("[redacted]") for place, text in found.items() if "record" in place) > 10
    assert "[redacted]" in found["ringmaster.db"] + found.get("ringmaster.db-wal", "")
    for place, text in found.items():
        for value in planted.all:
            assert value not in text, place


def test_what_people_type_is_kept_by_hash_alone(scene: Tenants) -> None:
    root, url = scene.root(), scene.operator.url
    typed = [PASSWORD, root.token]
    with httpx2.Client(base_url=f"{url}/api/v1", timeout=60, trust_env=False) as client:
        wrong = {"name": "root", "password": made_up(20)}
        assert client.post("/auth/sign-in", json=wrong).status_code == 401
        signed = client.post("/auth/sign-in", json={"name": "root", "password": PASSWORD})
        assert signed.status_code == 200
        typed += [wrong["password"], *client.cookies.values()]
        bogus = f"rmt_{made_up(41)}"
        refused = client.get("/auth/me", headers={"Authorization": f"Bearer {bogus}"})
        assert refused.status_code == 401
        assert bogus not in refused.text
        typed.append(bogus)
    for place, text in everything(scene, root).items():
        for value in typed:
            assert value not in text, place
