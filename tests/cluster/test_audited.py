"""Every call that changes something leaves a line of who, what, before, after and from where.

The calls are those that the running operator describes, but the workers' protocol: one without a row here
fails the test. Each row makes its call as a person would, with a change that counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from support import audited_accounts as accounts
from support import audited_work as work
from support.audited import Scene
from support.clusters import drop_namespace, fresh_namespace
from support.openid import SECRET, LyingProvider
from support.operators import OperatorProcess
from support.receivers import SECRET as SIGNED
from support.receivers import receiver
from support.sessions import make_worker
from support.tenants import Tenants

pytestmark = [pytest.mark.cluster, pytest.mark.tmux]
Body = dict[str, Any]
ROWS = {**accounts.ROWS, **work.ROWS}


@pytest.fixture(scope="module")
def scene(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An operator with an OpenID provider, on a namespace with a Worker."""
    folder = tmp_path_factory.mktemp("audited")
    operator = OperatorProcess(cluster.kubeconfig, "", folder)
    (folder / "secret").write_text(SECRET)
    spaces = fresh_namespace(cluster), fresh_namespace(cluster)
    with LyingProvider() as provider, receiver() as hook:
        provider.claims["preferred_username"] = "grace"
        channel = f'webhook = "{hook.url}"\nlocal = true\nsecrets = ["{SIGNED}"]\npeople = true\n'
        (folder / "channels.toml").write_text(f"[channels.hook]\n{channel}")
        (folder / "channels.toml").chmod(0o600)
        operator.settings = {
            "RINGMASTER_TMUX_HOST": "typing",
            "RINGMASTER_WEB_URL": operator.url,
            "RINGMASTER_NOTIFY_FILE": str(folder / "channels.toml"),
            "RINGMASTER_OIDC_ISSUER": provider.issuer,
            "RINGMASTER_OIDC_CLIENT_SECRET_FILE": str(folder / "secret"),
        }
        operator.start()
        try:
            worker = make_worker(cluster, spaces[0], capabilities=[{"name": "rust"}])
            yield Scene(Tenants(cluster, operator, spaces), provider, worker)
        finally:
            operator.stop()
            print(operator.tail())
            for namespace in spaces:
                drop_namespace(cluster, namespace)


def changing(scene: Scene) -> dict[str, tuple[str, str]]:
    """Method and path of each call that changes something for a person."""
    return {
        route.id: (route.method, route.path)
        for route in scene.tenants.routes()
        if route.method != "GET" and "protocol" not in route.tags
    }


def test_every_call_that_changes_something_is_known_here(scene: Scene) -> None:
    assert set(changing(scene)) == set(ROWS), "say what the audit log has of these"


@pytest.mark.parametrize(
    "operation",
    [pytest.param(name, marks=pytest.mark.tmux if name == "typeKeys" else ()) for name in ROWS],
)
def test_a_change_is_told(scene: Scene, operation: str) -> None:
    method, path = changing(scene)[operation]
    scene.called.clear()
    told = ROWS[operation](scene)
    form = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
    assert any(made == method and re.fullmatch(form, where) for made, where in scene.called), scene.called
    line = scene.newest(told.action)
    undone = line.pop("undoOf", None)
    assert (undone is not None) is told.undo
    expected = {name: getattr(told, name) for name in told.__dataclass_fields__ if name != "undo"}
    found = {name: line.get(name, "" if name == "namespace" else None) for name in expected}
    assert found == expected
    assert line["address"] == "127.0.0.1"
