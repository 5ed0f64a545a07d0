"""Cases made from the API's own document, against a real operator and API server, with and without a token.

Whatever is sent, there is no 5xx, and no answer that the document does not allow. Every route of the document
is called, so new ones are covered as they come. RINGMASTER_EXAMPLES is the number of cases of each call and
kind; RINGMASTER_SEED replays a run.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.people import admin
from support.sessions import make_worker
from support.tenants import Tenants

pytestmark = pytest.mark.cluster
EXAMPLES = int(os.environ.get("RINGMASTER_EXAMPLES", "3"))
BEADS = 40
LONGEST = 32_000
"""Bytes of a query; an HTTP server refuses what is much longer by itself, before any route is known."""
WATCH = "watchNamespace"
"""Its answer lasts; tests of its own look at it."""

LAST = ["endSession", "revokeRole", "changePassword", "changeUser", "revokeToken", "signOut"]
"""Those that may take the token away, the surest at the end."""


class Target:
    """An operator with things to name, and who calls it."""

    def __init__(self, cluster: Any, namespace: str, operator: OperatorProcess, root: str) -> None:
        self.url = operator.url
        self.namespace = namespace
        items = [bead(f"b{number}", type="task") for number in range(BEADS)]
        question = {"question": "Which?", "options": [{"name": "a"}, {"name": "b"}]}
        items += [bead(f"d{number}", type="decision", decision=question) for number in range(BEADS)]
        self.worker_token = make_worker(cluster, namespace, capabilities=[{"name": "rust"}])
        cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(items))
        self.token = admin(cluster, namespace)
        self.root = root
        self.session = requests.Session()
        self.answers: Counter[tuple[str, int]] = Counter()

    def token_for(self, operation: Any) -> str:
        """Of somebody who may: the Worker, the namespace's administrator, or that of Ringmaster's users."""
        if operation.definition.raw["security"] == [{"workerToken": []}]:
            return self.worker_token
        return self.token if "{namespace}" in operation.path else self.root

    def names(self) -> st.SearchStrategy[str]:
        """Of what there is, for the most part."""
        known = [f"{kind}{number}" for kind in "bd" for number in range(BEADS)]
        return st.sampled_from([*known, "fleet", "rust", "none"])


@pytest.fixture(scope="module")
def root(cluster: Any, shared_operator: OperatorProcess) -> str:
    """An API token of the first administrator."""
    return Tenants(cluster, shared_operator, ("", "")).root().token


@pytest.fixture
def target(cluster: Any, namespace: str, operator: OperatorProcess, root: str) -> Iterator[Target]:
    made = Target(cluster, namespace, operator, root)
    with made.session:
        yield made


@pytest.fixture
def document(target: Target) -> Any:
    made = requests.get(f"{target.url}/api/v1/openapi.json", timeout=60)
    assert made.status_code == 200
    return schemathesis.openapi.from_dict(made.json())


def operations(document: Any) -> list[Any]:
    """Every call; those that may take the token away come last."""
    found = [result.ok() for result in document.get_all_operations()]
    found = [item for item in found if item.definition.raw["operationId"] != WATCH]
    last = {name: number for number, name in enumerate(LAST, 1)}
    return sorted(found, key=lambda item: last.get(item.definition.raw["operationId"], 0))


CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def run(target: Target, operation: Any, mode: GenerationMode, number: int, *, token: bool = True) -> None:
    """Cases of one call."""
    name = operation.definition.raw["operationId"]
    headers = {"Authorization": f"Bearer {target.token_for(operation)}"} if token else {}

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), names=target.names(), data=st.randoms())
    def cases(case: Any, names: str, data: random.Random) -> None:
        if case.path_parameters is not None and data.random() < 0.9:
            for key in case.path_parameters:
                case.path_parameters[key] = {"namespace": target.namespace}.get(key, names)
        assume(len(urlencode(case.query or {}, doseq=True)) < LONGEST)
        answer = case.call_and_validate(
            base_url=target.url, session=target.session, headers=headers, checks=CHECKS, timeout=150
        )
        target.answers[name, answer.status_code] += 1

    try:
        cases()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, name  # a call that takes nothing can be given nothing wrong


def told(target: Target, found: list[Any]) -> Counter[int]:
    """How many cases there were, by status."""
    shown = Counter[int]()
    for (_, status), count in target.answers.items():
        shown[status] += count
    print(f"{sum(shown.values())} cases of {len(found)} calls: {dict(sorted(shown.items()))}")
    return shown


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_case_gets_what_the_document_does_not_allow(
    target: Target, document: Any, mode: GenerationMode, rng: random.Random
) -> None:
    found = operations(document)
    assert len(found) > 30
    for operation in found:
        run(target, operation, mode, rng.randrange(1 << 32))
    assert told(target, found)[200]
    inside = {item.definition.raw["operationId"] for item in found if "{namespace}" in item.path}
    assert not [name for name, status in target.answers if status == 401 and name in inside]


def test_without_a_token_nothing_is_done(target: Target, document: Any, rng: random.Random) -> None:
    found = operations(document)
    for operation in found:
        run(target, operation, GenerationMode.POSITIVE, rng.randrange(1 << 32), token=False)
        name = operation.definition.raw["operationId"]
        if operation.definition.raw["security"]:
            statuses = {status for (call, status) in target.answers if call == name}
            assert statuses <= {401, 403, 422}, (name, statuses)
    told(target, found)
