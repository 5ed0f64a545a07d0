"""Models and API server agree on random bodies: accepted alike, and with the same defaults.

Bodies come from the schema itself, then some are spoiled in one or two places. RINGMASTER_EXAMPLES sets how
many are tried for each kind (60 by default). A disagreement is printed as the smallest body that shows it,
with the line that replays it.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from kubernetes import client, config
from kubernetes.client.exceptions import BadRequestException, ConflictException, UnprocessableEntityException
from pydantic import TypeAdapter, ValidationError

from ringmaster_operator.resources.backup import BackupSchedule
from ringmaster_operator.resources.base import API_VERSION, Model
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.crd import DEFINITIONS, root_schema
from ringmaster_operator.resources.scalars import Time
from ringmaster_operator.resources.worker import Worker

if TYPE_CHECKING:
    from support.clusters import Cluster

EXAMPLES = int(os.environ.get("RINGMASTER_EXAMPLES", "60"))
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120 + 3 * EXAMPLES)]

Schema = dict[str, Any]
PLURALS = {definition.kind: definition.plural for definition in DEFINITIONS}
SCHEMAS = {definition.kind: root_schema(definition.model)["properties"] for definition in DEFINITIONS}
SEEDS: dict[str, dict[str, Any]] = {
    "Bead": {"title": "t"},
    "Worker": {"runtime": "Tmux"},
    "BackupSchedule": {"daily": {}, "destination": {"volumeClaim": "v"}},
}
AGREE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

WHOLE = st.characters(exclude_categories=["Cs"])
GOOD_TIMES = ["2026-01-01T00:00:00Z", "2026-02-28T23:59:59.5+01:00", "1999-12-31T12:00:00.123456-11:30"]
ODD_TIMES = ["2026-02-30T00:00:00Z", "2026-01-01t00:00:00z", "0001-01-01T00:00:00Z", "2026-01-01", "now"]
CRONS = ["0 * * * *", "*/5 1-3/2,7 31 JAN-MAR 0,SUN", "59 23 1 12 6"]
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 1.0, 2.5, -0.0, 2**53, 2**63, 10**30, 1e300]),
    st.sampled_from(["", "x", "a\n", "a\x00", "\x1b[1m", "\x85", "\xa0", "\u2028", "\u202e", "🙂", "a..b"]),
    st.sampled_from([[], {}, [None], [[]], [{}], {"": ""}, {"name": None}]),
    st.sampled_from([*ODD_TIMES, "60 * * * *", "* * * * 7", "@daily", "1.5", "-1", "https://u@h/"]),
    st.text(WHOLE, max_size=9),
).map(copy.deepcopy)  # spoiling changes bodies in place


def strings(schema: Schema) -> st.SearchStrategy[Any]:
    """Strings that the schema allows, mostly; short names repeat, so that references and duplicates occur."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "date-time":
        return st.sampled_from(GOOD_TIMES)
    if len(schema.get("pattern", "")) > 200:  # a cron expression: making those from the pattern takes seconds
        return st.sampled_from(CRONS)
    least, most = schema.get("minLength", 0), schema["maxLength"]
    edges = st.sampled_from(["a" * min(most, 70000), "a" * max(least, 1), "a", "b", "1"])
    if "pattern" not in schema:
        return edges | st.text(WHOLE, min_size=least, max_size=min(most, 20))
    return edges | st.from_regex(schema["pattern"], fullmatch=True, alphabet=WHOLE).filter(
        lambda text: least <= len(text) <= most
    )


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Bodies of a structural schema; the rules across fields may still refuse them."""
    if schema.get("x-kubernetes-int-or-string"):
        return st.integers(0, 2**53 - 1) | strings(schema)
    match schema["type"]:
        case "string":
            return strings(schema)
        case "integer":
            least, most = schema["minimum"], schema["maximum"]
            return st.sampled_from([least, most, float(least)]) | st.integers(least, most)
        case "number":
            return st.floats(schema.get("minimum", -1e9), schema.get("maximum", 1e9)) | st.sampled_from(
                [0, 1]
            )
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(values(schema["items"]), max_size=min(schema["maxItems"], 3))
    if "additionalProperties" in schema:
        keys = st.sampled_from(["a", "a/b", "k" * 317, "🙂"])
        return st.dictionaries(keys, values(schema["additionalProperties"]), max_size=3)
    properties = {name: values(sub) for name, sub in schema.get("properties", {}).items()}
    required = {name: properties.pop(name) for name in schema.get("required", [])}
    return st.fixed_dictionaries(required, optional=properties)


def mend(spec: dict[str, Any]) -> None:
    """Make a random spec obey most of the rules across fields, or next to none would be accepted."""
    if spec.get("type") != "decision":
        spec.pop("decision", None)
    if "runtime" in spec:
        other = {"Pod": "tmux", "Tmux": "pod"}[spec["runtime"]]
        spec.pop(other, None)
        if spec["runtime"] == "Pod":
            spec.setdefault("pod", {"image": "i"})
        if "autoscale" in spec:
            spec.pop("replicas", None)
            spec["autoscale"].pop("min", None)
        for step in spec.get("escalation", []):
            step.update(model="m", profile="p")
        for variable in spec.get("agent", {}).get("env", []):
            if "value" in variable:
                variable.pop("valueFrom", None)
            elif "valueFrom" not in variable:
                variable["value"] = ""
    if "destination" in spec:
        spec.setdefault("daily", {}).pop("retention", None)
        if not spec["destination"]:
            spec["destination"]["hostPath"] = "/b"
        spec["executor"] = "CronJob" if "volumeClaim" in spec["destination"] else "Host"
        for one in [key for key in ("volumeClaim", "hostPath", "s3") if key in spec["destination"]][1:]:
            del spec["destination"][one]


@st.composite
def spoiled(draw: st.DrawFn, schema: Schema) -> Any:
    """A body of the schema, mended mostly, with up to two places made odd."""
    body = draw(values(schema))
    if draw(st.sampled_from([True, True, True, False])):
        mend(body)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        places = list(_places(body))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["odd", "odd", "longer", "remove", "repeat", "unknown"])):
            case "odd":
                holder[key] = draw(ODD)
            case "longer" if isinstance(holder[key], str):
                holder[key] = holder[key] + "a" * draw(st.sampled_from([1, 63, 256, 4096]))
            case "remove":
                del holder[key]
            case "repeat" if isinstance(holder[key], list) and holder[key]:
                holder[key].append(copy.deepcopy(holder[key][0]))
            case "unknown" if isinstance(holder, dict):
                holder["novelty"] = draw(ODD)
    return body


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield node, key
        yield from _places(value)


def canonical(node: Any, schema: Schema) -> Any:
    """A server's body with its times as the models write them; the server keeps them as they were given."""
    if isinstance(node, dict) and "properties" in schema:
        return {key: canonical(value, schema["properties"][key]) for key, value in node.items()}
    if isinstance(node, list):
        return [canonical(item, schema["items"]) for item in node]
    if schema.get("format") == "date-time":
        times = TypeAdapter[Any](Time)
        return times.dump_python(times.validate_python(node), mode="json")
    return node


class Server:
    """Asks the API server for its verdict on a body, without keeping anything."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._api = client.CustomObjectsApi(config.new_client_from_config(str(kubeconfig)))
        self._namespace = namespace
        self._seeds: dict[str, Any] = {}
        for kind, spec in SEEDS.items():
            body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "seed"}, "spec": spec}
            made: Any = self._api.create_namespaced_custom_object(*self._where(kind), body)
            self._seeds[kind] = made["metadata"]

    def _where(self, kind: str) -> tuple[str, str, str, str]:
        return (*API_VERSION.split("/"), self._namespace, PLURALS[kind])  # type: ignore[return-value]

    def create(self, body: dict[str, Any]) -> Any:
        """The object as it would be stored, or None when it is refused."""
        try:
            return self._api.create_namespaced_custom_object(
                *self._where(body["kind"]), body, dry_run="All", field_validation="Strict"
            )
        except (BadRequestException, UnprocessableEntityException):
            return None

    def set_status(self, kind: str, status: Any) -> Any:
        """The status as it would be stored, or None when it is refused."""
        where = (*self._where(kind), "seed")
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": self._seeds[kind], "status": status}
        try:
            replaced: Any = self._api.replace_namespaced_custom_object_status(
                *where, {**body, "spec": SEEDS[kind]}, dry_run="All", field_validation="Strict"
            )
        except (BadRequestException, UnprocessableEntityException):
            return None
        except ConflictException:  # an operator that some other test runs has written its own status
            newest: Any = self._api.get_namespaced_custom_object(*where)
            self._seeds[kind] = newest["metadata"]
            return self.set_status(kind, status)
        return replaced.get("status", {})


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[Server]:
    name = f"agree-{os.getpid()}"
    cluster.kubectl("create", "namespace", name)
    yield Server(cluster.kubeconfig, name)
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def verdict(model: type[Model], body: Any) -> Model | None:
    """The model's reading, or None when it refuses."""
    try:
        return model.check(body)
    except ValidationError:
        return None


@pytest.mark.parametrize("model", [Bead, Worker, BackupSchedule])
def test_specs_are_judged_and_completed_alike(server: Server, model: type[Model]) -> None:
    kind = model.__name__
    names = st.sampled_from(
        ["a", "b", "a.b", "a" * 44, "a" * 45, "a" * 52, "a" * 53, "a" * 253, "A", "-", "a\n"]
    )

    @AGREE
    @given(spec=spoiled(SCHEMAS[kind]["spec"]), name=names)
    def agree(spec: Any, name: str) -> None:
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
        ours, theirs = verdict(model, body), server.create(body)
        event("accepted" if theirs else "refused")
        assert (ours is not None) == (theirs is not None), f"model: {ours}, server: {theirs}"
        if ours is not None:
            assert ours.body()["spec"] == canonical(theirs["spec"], SCHEMAS[kind]["spec"])

    agree()


@pytest.mark.parametrize("model", [Bead, Worker, BackupSchedule])
def test_what_a_model_sends_as_status_is_stored_and_read_back_the_same(
    server: Server, model: type[Model]
) -> None:
    kind = model.__name__
    whole = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "seed"}, "spec": SEEDS[kind]}

    @AGREE
    @given(status=spoiled(SCHEMAS[kind]["status"]))
    def agree(status: Any) -> None:
        ours, raw = verdict(model, {**whole, "status": status}), server.set_status(kind, status)
        event("accepted" if raw is not None else "refused")
        if raw is not None:
            assert ours is not None, f"the server took {status}"
            assert model.check({**whole, "status": raw}) == ours
        if ours is not None:
            stored = server.set_status(kind, ours.body()["status"])
            assert stored is not None, f"the model sent {ours.body()['status']}"
            assert model.check({**whole, "status": stored}) == ours

    agree()
