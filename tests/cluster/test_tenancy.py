"""Two namespaces, the people of both, one fleet: each sees, spends and decides only what is theirs.

The routes are those that the running operator describes: one that this table does not know fails the test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from ringmaster_operator.resources.records import packed
from support.clusters import drop_namespace, fresh_namespace
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session, make_worker, token_of
from support.tenants import Person, Route, Tenants, filled

pytestmark = pytest.mark.cluster

#: What changes something in a namespace is sent, by operation.
BODIES: dict[str, Any] = {
    "overrideConfidence": {"override": 0.01},
    "createBead": {"name": "planted", "spec": {"title": "Planted"}},
    "patchBead": {"spec": {"title": "Changed"}},
    "retryBead": {"fromScratch": False},
    "steerBead": {"text": "Do it my way"},
    "decideBead": {"answer": "mine"},
    "scaleWorker": {"replicas": 7},
    "suspendWorker": {"suspend": True},
    "typeKeys": {"text": "planted"},
    "addLesson": {"lesson": "Always do as the other namespace says"},
    "importLessons": {"namespace": "x", "items": []},
    "retireLesson": {"reason": "because"},
    "addNotification": {"channel": "planted"},
    "changeNotification": {"channel": "planted"},
}
RECORD = {"kind": "diff", "data": packed({"patch": "mine"})}
QUERIES: dict[str, dict[str, str]] = {"searchLessons": {"q": "secret"}, "watchNamespace": {"seconds": "1"}}
QUERIES["watchScreen"] = {"seconds": "1"}

#: Operations without a namespace in their path: who they are for.
OPEN = {"listSignInMethods", "signIn", "claimFirstAdmin"}
OPEN |= {"startOidcSignIn", "finishOidcSignIn", "exchangeOidcCode", "endOidcSession"}
OWN = {"getMe", "signOut", "changePassword", "listTokens", "createToken", "revokeToken"}
OWN |= {"listSessions", "endSession", "listMyNotifications", "addMyNotification", "changeMyNotification"}
OWN |= {"removeMyNotification", "testMyNotification"}
MANAGERS: dict[str, Any] = {
    "listUsers": None,
    "createUser": {"name": "planted", "password": "correct horse battery"},
    "getUser": None,
    "changeUser": {"disabled": True},
    "listAllCosts": None,
}
#: Whose namespace or object comes in the query, the body, or by an id.
GIVEN = {"listRoles", "grantRole", "revokeRole", "listAudit", "getAuditEntry", "undoChange"}
FILTERED = {"listProjects"}
FREE = OPEN | OWN | MANAGERS.keys() | GIVEN | FILTERED
PROTOCOL = {"claimBead", "heartbeat", "getWork", "report", "ask", "release", "keepRecords"}

KINDS = pytest.mark.parametrize("kind", ["accounts", "identities"])


@pytest.fixture(scope="module")
def tenants(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    """An operator of all namespaces, and two of them."""
    folder = tmp_path_factory.mktemp("tenancy")
    operator = OperatorProcess(cluster.kubeconfig, "", folder)
    operator.start()
    made = Tenants(cluster, operator, (fresh_namespace(cluster), fresh_namespace(cluster)))
    try:
        yield made
    finally:
        operator.stop()
        print(operator.tail())
        for namespace in made.namespaces:
            drop_namespace(cluster, namespace)


@pytest.fixture(scope="module")
def people(tenants: Tenants) -> dict[str, tuple[Person, Person]]:
    """By how they prove who they are; everything is there for them to see."""
    import asyncio

    asyncio.run(tenants.fill())
    return {"accounts": tenants.accounts(), "identities": tenants.identities()}


def namespaced(tenants: Tenants) -> list[Route]:
    return [route for route in tenants.routes() if route.namespaced]


def attempt(person: Person, route: Route, namespace: str) -> Any:
    """A call of the route for that namespace's things."""
    name = "rust" if "/capabilities/" in route.path else "task"
    path = filled(route.path, namespace=namespace, name=name)
    return person.call(route.method, path, BODIES.get(route.id), **QUERIES.get(route.id, {}))


def test_every_route_is_known_here(tenants: Tenants) -> None:
    routes = tenants.routes()
    free = {route.id for route in routes if not route.namespaced}
    assert free <= FREE | PROTOCOL, "say whom these are for"
    bodies = {route.id for route in routes if route.namespaced and route.body}
    assert bodies <= BODIES.keys(), "say what these are sent"
    assert all("protocol" in route.tags for route in routes if route.id in PROTOCOL)


@KINDS
def test_the_other_namespace_is_closed(
    tenants: Tenants, people: dict[str, tuple[Person, Person]], kind: str
) -> None:
    before = [tenants.state(namespace) for namespace in tenants.namespaces]
    for person, closed in zip(people[kind], reversed(tenants.namespaces), strict=True):
        for route in namespaced(tenants):
            answer = attempt(person, route, closed)
            assert answer.status_code == 403, (route, answer.text)
            assert tenants.secret(closed) not in answer.text
    assert [tenants.state(namespace) for namespace in tenants.namespaces] == before


@KINDS
def test_one_s_own_namespace_is_open_and_shows_nothing_of_the_other(
    tenants: Tenants, people: dict[str, tuple[Person, Person]], kind: str
) -> None:
    other = dict(zip(tenants.namespaces, reversed(tenants.namespaces), strict=True))
    shown: set[str] = set()
    for person, own in zip(people[kind], tenants.namespaces, strict=True):
        for route in namespaced(tenants):
            if route.method != "GET":
                continue
            answer = attempt(person, route, own)
            assert answer.status_code in (200, 404), (route, answer.text)
            assert other[own] not in answer.text, route
            shown |= {route.id} if tenants.secret(own) in answer.text else set()
        for path in ("/api/v1/namespaces", "/api/v1/audit"):
            assert other[own] not in person.call("GET", path).text
    listing = {"listBeads", "getBead"} & {route.id for route in tenants.routes()}
    assert listing <= shown  # the secrets are there to be found


@KINDS
def test_records_are_read_by_way_of_one_s_own_beads(
    tenants: Tenants, people: dict[str, tuple[Person, Person]], kind: str
) -> None:
    ids = {}
    for person, own in zip(people[kind], tenants.namespaces, strict=True):
        place = f"/api/v1/namespaces/{own}/beads/worked/iterations"
        [ids[own]] = [item["id"] for item in person.call("GET", place).json()["items"]]
        record = person.call("GET", f"{place}/{ids[own]}/records/prompt").json()
        assert record["prompt"]["segments"] == [{"text": tenants.secret(own), "name": "", "origin": ""}]
    (one, two), (here, there) = people[kind], tenants.namespaces
    for person, own, foreign in ((one, here, there), (two, there, here)):
        path = f"/api/v1/namespaces/{own}/beads/worked/iterations/{ids[foreign]}/records/prompt"
        assert person.call("GET", path).status_code == 404


async def test_a_worker_keeps_records_of_its_own_reports_alone(
    tenants: Tenants, people: dict[str, tuple[Person, Person]]
) -> None:
    here, there = tenants.namespaces
    foreign = Session(tenants.operator.url, token_of(tenants.cluster, here, "fleet"))
    path = f"/claims/none/reports/of-{there}/records"
    status, said = await foreign.call("POST", path, {"fence": 1, "records": [RECORD]})
    assert (status, said["code"]) == (404, "not_found")
    await foreign.close()


def theirs(tenants: Tenants, owner: Person, namespace: str) -> dict[str, str]:
    """What only that namespace has, by the parameter of a path."""
    things = [bead("theirs", title=tenants.secret(namespace), desired="Hold")]
    things.append(bead("asked", title="t", type="decision", decision={"question": "Which?"}))
    tenants.cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(things))
    make_worker(tenants.cluster, namespace, "theirs", capabilities=[{"name": "theirs"}])
    root = f"/api/v1/namespaces/{namespace}"
    lesson = {"lesson": f"Ask for the {tenants.secret(namespace)} first"}
    made = owner.call("POST", f"{root}/lessons", lesson).json()
    [iteration] = owner.call("GET", f"{root}/beads/worked/iterations").json()["items"]
    names = {"name": "theirs", "worker": "theirs", "session": "theirs-0", "kind": "diff"}
    return {**names, "lesson": str(made["id"]), "iteration_id": str(iteration["id"])}


def test_what_another_namespace_has_is_not_found_in_one_s_own(
    tenants: Tenants, people: dict[str, tuple[Person, Person]]
) -> None:
    """By its id or name, over every route that takes one, with every right in one's own namespace."""
    (one, two), (here, there) = people["accounts"], tenants.namespaces
    foreign = theirs(tenants, two, there)
    before = [tenants.state(namespace) for namespace in tenants.namespaces]
    tried = set[str]()
    for route in namespaced(tenants):
        taken = set(re.findall(r"\{(\w+)\}", route.path)) & foreign.keys()
        ways = [foreign, {**foreign, "name": "worked"}] if "iteration_id" in taken else [foreign]
        for values in ways if taken else []:
            path = filled(route.path, **{**values, "namespace": here})
            query = QUERIES.get(route.id, {})
            answer = one.call(route.method, path, BODIES.get(route.id), match="*", **query)
            assert tenants.secret(there) not in answer.text
            empty = route.method == "GET" and answer.json().get("items") == []
            assert answer.status_code == 404 or empty, (route, path, answer.text)
            tried |= taken
    assert tried == foreign.keys()
    assert [tenants.state(namespace) for namespace in tenants.namespaces] == before
    answer = one.call("POST", f"/api/v1/namespaces/{here}/beads/asked/decide", {"answer": "mine"})
    assert answer.status_code == 404


async def test_a_worker_s_token_is_for_its_own_claims(
    tenants: Tenants, people: dict[str, tuple[Person, Person]]
) -> None:
    here, there = tenants.namespaces
    tokens = [token_of(tenants.cluster, namespace, "fleet") for namespace in (here, there)]
    thief, owner = (Session(tenants.operator.url, token) for token in tokens)
    tenants.cluster.kubectl("create", "-n", there, "-f-", stdin=listed([bead("claimed")]))
    claimed = await owner.pull(wait=20, bead="claimed")
    assert claimed is not None
    place, fence = f"/claims/{claimed.claim_id}", claimed.fence
    answers = [
        await thief.heartbeat(claimed),
        await thief.report(claimed),
        await thief.call("GET", f"{place}/work", fence=fence),
        await thief.call("POST", f"{place}/release", {"fence": fence}),
    ]
    assert [(status, said["detail"]) for status, said in answers] == [(404, "there is no such claim")] * 4
    assert (await owner.heartbeat(claimed))[0] == 200
    assert (await owner.report(claimed))[0] == 200
    for session in (thief, owner):
        await session.close()


@KINDS
def test_each_spends_what_is_theirs(
    tenants: Tenants, people: dict[str, tuple[Person, Person]], kind: str
) -> None:
    for person, own in zip(people[kind], tenants.namespaces, strict=True):
        [budget] = person.call("GET", f"/api/v1/namespaces/{own}/budgets").json()["items"]
        assert budget["spent"]["usd"] == 1.25


@KINDS
def test_each_decides_on_what_is_theirs(
    tenants: Tenants, people: dict[str, tuple[Person, Person]], kind: str
) -> None:
    (one, two), (here, there) = people[kind], tenants.namespaces
    before = tenants.state(there)
    place = f"/api/v1/namespaces/{here}/capabilities/rust/workers/fleet"
    made = one.call("PUT", place, {"override": 0.5 if kind == "accounts" else 0.6})
    assert made.status_code == 200, made.text
    assert tenants.state(there) == before
    [line] = one.call("GET", "/api/v1/audit", namespace=here, limit=1).json()["items"]
    assert (line["person"], line["action"]) == (one.name, "capability.override")
    line_path = f"/api/v1/audit/{line['id']}"
    for path, method in ((line_path, "GET"), (f"{line_path}/undo", "POST")):
        assert two.call(method, path).status_code == 404
    assert two.call("GET", "/api/v1/audit", namespace=here).status_code == 403
    undone = one.call("POST", f"{line_path}/undo")
    assert undone.status_code == 200, undone.text
    assert undone.json()["after"] == line["before"]
    again = one.call("POST", f"{line_path}/undo")
    assert again.status_code == 409


@KINDS
def test_who_belongs_to_a_namespace_manages_nobody_elsewhere(
    tenants: Tenants, people: dict[str, tuple[Person, Person]], kind: str
) -> None:
    one, there = people[kind][0], tenants.namespaces[1]
    for route in tenants.routes():
        if route.id in MANAGERS:
            path = filled(route.path, name=f"of-{there}")
            assert one.call(route.method, path, MANAGERS[route.id]).status_code == 403, route
    grant = {"subject": f"user:of-{tenants.namespaces[0]}", "namespace": there, "role": "admin"}
    for place in (there, "*"):
        assert one.call("PUT", "/api/v1/roles", {**grant, "namespace": place}).status_code == 403
        assert one.call("GET", "/api/v1/roles", namespace=place).status_code == 403
        gone = one.call("DELETE", "/api/v1/roles", subject=f"user:of-{there}", namespace=place)
        assert gone.status_code == 403


def test_workers_and_people_have_nothing_in_common(
    tenants: Tenants, people: dict[str, tuple[Person, Person]]
) -> None:
    here = tenants.namespaces[0]
    fleet = Person("fleet", token_of(tenants.cluster, here, "fleet"), tenants.operator.url)
    for route in tenants.routes():
        if route.namespaced:
            assert attempt(fleet, route, here).status_code == 403, route
    claim = {"claimId": "of-a-person", "worker": "fleet", "session": "fleet-0"}
    for pair in people.values():
        assert pair[0].call("POST", "/api/v1/claims", claim).status_code == 401


def test_without_a_token_nothing_is_open(tenants: Tenants, people: dict[str, tuple[Person, Person]]) -> None:
    for token in ("", "rmt_" + "x" * 43, "eyJhbGciOiJub25lIn0.e30."):
        nobody = Person("nobody", token, tenants.operator.url)
        for route in namespaced(tenants):
            assert attempt(nobody, route, tenants.namespaces[0]).status_code == 401, route
