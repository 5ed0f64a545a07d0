"""The API for people over real HTTP, with the cluster's own identities and rights."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from support.manifests import bead, listed, worker
from support.operators import OperatorProcess
from support.people import Person, phase, until
from support.sessions import Session, make_worker

pytestmark = pytest.mark.cluster


def test_a_bead_is_made_found_changed_and_deleted(cluster: Any, people: Callable[[str], Person]) -> None:
    editor, reader = people("editor"), people("reader")
    wish = {"labels": {"team": "a"}, "spec": {"title": "Mend the roof!", "priority": "P1"}}
    made = editor("POST", "/beads", wish)
    assert made.status_code == 201, made.text
    name = made.json()["metadata"]["name"]
    assert name.startswith("mend-the-roof-")
    account = f"system:serviceaccount:{editor.namespace}:editor"
    assert made.json()["metadata"]["annotations"]["ringmaster.dev/requested-by"] == account
    assert made.headers["ETag"] == f'"{made.json()["metadata"]["resourceVersion"]}"'

    until(lambda: phase(reader, name) == "Ready")
    [item] = reader.ok("GET", "/beads", phase="Ready", priority="P1", label="team=a", text="ROOF")["items"]
    assert (item["name"], item["title"], item["effectivePriority"]) == (name, "Mend the roof!", "P1")
    assert reader.ok("GET", "/beads", label="team=b")["items"] == []
    assert reader.ok("GET", "/beads", phase=["Failed", "Held"])["items"] == []

    def again() -> httpx2.Response:
        tag = reader("GET", f"/beads/{name}").headers["ETag"]
        return reader("GET", f"/beads/{name}", headers={"If-None-Match": tag})

    # The operator may write the status between two calls.
    until(lambda: (same := again()).status_code == 304 and same.content == b"")
    change = {"spec": {"priority": "P0"}, "labels": {"team": None, "site": "north"}}
    assert editor("PATCH", f"/beads/{name}", change).status_code == 428
    stale = editor("PATCH", f"/beads/{name}", change, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    changed = editor("PATCH", f"/beads/{name}", change, headers={"If-Match": "*"})
    assert changed.status_code == 200, changed.text
    assert changed.json()["spec"]["priority"] == "P0"
    assert changed.json()["metadata"]["labels"] == {"site": "north"}
    told = editor.ok("GET", "/api/v1/audit", namespace=editor.namespace)["items"]
    assert [(line["action"], line["name"], line["person"]) for line in told] == [
        ("bead.patch", name, account),
        ("bead.create", name, account),
    ]
    seen = json.loads(cluster.kubectl("get", f"bead/{name}", "-n", editor.namespace, "-o=json"))
    assert (seen["spec"]["priority"], seen["metadata"]["labels"]) == ("P0", {"site": "north"})

    assert editor("DELETE", f"/beads/{name}", headers={"If-Match": '"1"'}).status_code == 412
    assert editor("DELETE", f"/beads/{name}").status_code == 204
    until(lambda: reader("GET", f"/beads/{name}").status_code == 404)
    assert editor("DELETE", f"/beads/{name}").status_code == 404
    assert reader.ok("GET", f"/beads/{name}/attempts") == {"items": []}  # its history stays


def test_what_makes_no_bead_is_refused_in_words(people: Callable[[str], Person]) -> None:
    editor = people("editor")
    spec = {"title": "Fine"}
    assert editor("POST", "/beads", {"name": "fine", "spec": spec}).status_code == 201
    again = editor("POST", "/beads", {"name": "fine", "spec": spec})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    for body, word in (
        ({"name": "No", "spec": spec}, "name"),
        ({"spec": {}}, "title"),
        ({"spec": {**spec, "colour": "red"}}, "colour"),
        ({"spec": {**spec, "type": "decision"}}, "decision"),
        ({"spec": spec, "labels": {"ringmaster.dev/requested-by": "someone"}}, "who asked"),
        ({"spec": spec, "labels": {"not a key": "x"}}, "not a key"),
        ({"name": "self", "spec": {**spec, "dependsOn": ["self"]}}, "itself"),
    ):
        answer = editor("POST", "/beads", body)
        assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
        assert word in answer.json()["detail"], answer.text
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"spec": {"priority": "P9"}}, "priority"),
        ({"spec": {"title": None}}, "title"),
        ({"spec": {"unheard": 1}}, "unheard"),
        ({"spec": {"type": "epic"}}, "immutable"),
    ]
    for body, word in wrong:
        answer = editor("PATCH", "/beads/fine", body, headers={"If-Match": "*"})
        assert answer.status_code == 422, answer.text
        assert word in answer.json()["detail"], answer.text


def test_acts_do_what_they_say_or_say_what_would(people: Callable[[str], Person]) -> None:
    editor = people("editor")
    editor.ok("POST", "/beads", {"name": "job", "spec": {"title": "Job"}})
    assert editor.ok("POST", "/beads/job/hold")["spec"]["desired"] == "Hold"
    until(lambda: phase(editor, "job") == "Held")
    editor.ok("POST", "/beads/job/resume")
    until(lambda: phase(editor, "job") == "Ready")
    steered = editor.ok("POST", "/beads/job/steer", {"text": "Use the ladder"})
    assert [note["text"] for note in steered["spec"]["steering"]] == ["Use the ladder"]
    refused = editor("POST", "/beads/job/retry", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    editor.ok("POST", "/beads/job/cancel")
    until(lambda: phase(editor, "job") == "Cancelled")
    assert "ringmaster retry job" in editor("POST", "/beads/job/resume").json()["detail"]
    editor.ok("POST", "/beads/job/retry", {"fromScratch": True})
    until(lambda: phase(editor, "job") == "Ready")

    options = [{"name": "Tiles"}, {"name": "Slate"}]
    question = {"title": "Which?", "type": "decision", "decision": {"question": "Q?", "options": options}}
    editor.ok("POST", "/beads", {"name": "which", "spec": question})
    until(lambda: phase(editor, "which") == "NeedsDecision")
    wrong = editor("POST", "/beads/which/decide", {"answer": "Straw"})
    assert wrong.status_code == 409
    assert "Tiles, Slate" in wrong.json()["detail"]
    decided = editor.ok("POST", "/beads/which/decide", {"answer": "2"})
    account = f"system:serviceaccount:{editor.namespace}:editor"
    assert (decided["spec"]["decision"]["answer"], decided["spec"]["decision"]["answeredBy"]) == (
        "Slate",
        account,
    )
    until(lambda: phase(editor, "which") == "Succeeded")
    editor.ok("POST", "/beads/which/reopen")
    until(lambda: phase(editor, "which") == "NeedsDecision")
    # An answer by PATCH is the caller's as well, whoever it claims to be from.
    forged = {"spec": {"decision": {"answer": "Tiles", "answeredBy": "the boss"}}}
    changed = editor.ok("PATCH", "/beads/which", forged, headers={"If-Match": "*"})
    assert changed["spec"]["decision"]["answeredBy"] == account


def test_pages_hold_everything_once(cluster: Any, people: Callable[[str], Person]) -> None:
    reader = people("reader")
    names = [f"b{number:02}" for number in range(23)]
    items = [bead(name, priority=f"P{number % 5}") for number, name in enumerate(names)]
    cluster.kubectl("create", "-n", reader.namespace, "-f-", stdin=listed(items))
    until(lambda: len(reader.ok("GET", "/beads", phase="Ready", limit=500)["items"]) == 23)
    for path, query in (("/beads", {}), ("/beads", {"sort": "priority"}), ("/order", {})):
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = reader.ok("GET", path, limit=5, **query, **cursor)
            found += [item["name"] for item in page["items"]]
            if "next" not in page:
                break
            cursor = {"cursor": page["next"]}
        assert sorted(found) == names
        if query or path == "/order":
            priorities = [f"P{int(name[1:]) % 5}" for name in found]
            assert priorities == sorted(priorities)
    other = reader("GET", "/beads", cursor=cursor["cursor"])
    assert (other.status_code, other.json()["code"]) == (422, "invalid")
    why = reader.ok("GET", "/beads/b00/explanation")
    assert (why["rank"], why["of"], why["readiness"], why["workers"]) == (1, 23, "Ready", [])


async def test_the_history_of_a_bead_tells_what_an_agent_did(
    cluster: Any, namespace: str, operator: OperatorProcess, people: Callable[[str], Person]
) -> None:
    token = make_worker(cluster, namespace)
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("job")]))
    session, reader = Session(operator.url, token), people("reader")
    for kind in ("failed", "success"):
        claimed = await session.pull(wait=30)
        assert claimed is not None
        more = {"reason": "VerificationFailed"} if kind == "failed" else {}
        status, _ = await session.report(claimed, kind, finalText=f"it was a {kind}", **more)
        assert status == 200
    await session.close()
    until(lambda: phase(reader, "job") == "Succeeded")
    page = reader.ok("GET", "/beads/job/attempts", limit=1)
    older = reader.ok("GET", "/beads/job/attempts", limit=1, cursor=page["next"])
    assert [item["kind"] for item in page["items"] + older["items"]] == ["success", "failed"]
    assert "next" not in older
    runs = reader.ok("GET", "/beads/job/iterations")["items"]
    assert [run["finalText"] for run in runs] == ["it was a success", "it was a failed"]
    assert [run["outcome"]["kind"] for run in runs] == ["success", "failed"]
    assert isinstance(reader.ok("GET", "/beads/job/events")["items"], list)
    cluster.kubectl("delete", "bead/job", "-n", namespace)
    until(lambda: reader("GET", "/beads/job").status_code == 404)
    assert len(reader.ok("GET", "/beads/job/iterations")["items"]) == 2
    assert reader("GET", "/beads/never/iterations").status_code == 404


def test_workers_are_scaled_and_suspended(cluster: Any, people: Callable[[str], Person]) -> None:
    editor = people("editor")
    items = [worker("desk"), worker("auto", replicas=None, autoscale={"max": 3})]
    cluster.kubectl("create", "-n", editor.namespace, "-f-", stdin=listed(items))
    until(lambda: len(editor.ok("GET", "/workers")["items"]) == 2)
    assert editor.ok("PUT", "/workers/desk/scale", {"replicas": 2})["spec"]["replicas"] == 2
    assert editor.ok("PUT", "/workers/desk/suspend", {"suspend": True})["spec"]["suspend"] is True
    assert editor("PUT", "/workers/desk/scale", {"replicas": 900}).status_code == 422
    refused = editor("PUT", "/workers/auto/scale", {"replicas": 2})
    assert refused.status_code == 409
    assert "autoscale" in refused.json()["detail"]
    assert editor("PUT", "/workers/none/scale", {"replicas": 2}).status_code == 404
    assert editor.ok("GET", "/workers/desk")["spec"]["replicas"] == 2


def test_the_clusters_rights_hold(people: Callable[[str], Person]) -> None:
    editor, reader, nobody = people("editor"), people("reader"), people("nobody")
    editor.ok("POST", "/beads", {"name": "mine", "spec": {"title": "Mine"}})
    until(lambda: reader("GET", "/beads/mine").status_code == 200)
    tries = [
        ("POST", "/beads", {"spec": {"title": "x"}}),
        ("PATCH", "/beads/mine", {"spec": {"title": "x"}}),
        ("DELETE", "/beads/mine", None),
        ("POST", "/beads/mine/hold", None),
        ("POST", "/beads/mine/decide", {"answer": "x"}),
        ("PUT", "/workers/any/scale", {"replicas": 1}),
    ]
    for method, path, body in tries:
        answer = reader(method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path)
    for path in ("/beads", "/beads/mine", "/beads/mine/attempts", "/order", "/workers"):
        assert nobody("GET", path).status_code == 403
        assert reader.with_token("wrong")("GET", path).status_code == 401
    projects = "/api/v1/namespaces"
    assert reader.namespace in [item["namespace"] for item in reader.ok("GET", projects)["items"]]
    assert nobody.ok("GET", projects)["items"] == []
    assert reader.with_token("wrong")("GET", projects).status_code == 401
    elsewhere = reader("GET", "/api/v1/namespaces/kube-system/beads")
    assert elsewhere.status_code == 403


def test_every_error_is_a_problem(people: Callable[[str], Person]) -> None:
    reader = people("reader")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for answer, status, code in (
        (reader("GET", "/api/v1/nothing"), 404, "not_found"),
        (reader("GET", "/nothing/here"), 404, "not_found"),
        (reader("PUT", "/beads"), 405, "method_not_allowed"),
        (reader("POST", "/beads", {"spec": {}}, headers=form), 415, "unsupported_media_type"),
        (reader("GET", "/beads", limit=0), 422, "invalid"),
        (reader("GET", "/beads", cursor="AAAA"), 422, "invalid"),
        (reader("POST", "/beads", "x" * (1 << 20)), 413, "too_large"),
        (reader("GET", "/beads/none"), 404, "not_found"),
    ):
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
        assert (answer.json()["code"], answer.json()["status"]) == (code, status)
    assert "GET" in reader("PUT", "/beads").headers["Allow"]
    garbled = {"Authorization": f"Bearer {reader.token}", "Content-Type": "application/json"}
    where = f"{reader.url}/api/v1/namespaces/{reader.namespace}/beads"
    answer = reader.client.post(where, content=b"\xff\xfe", headers=garbled)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
