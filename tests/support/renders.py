"""The renders of kustomize/, as objects and by meaning."""

from __future__ import annotations

import ipaddress
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "hack"))

from manifestlib import render  # noqa: E402

Body = dict[str, Any]
NAMES = tuple(render.RENDERED)
OVERLAYS = ("dev", "prod", "prod-postgres")


def of(folder: Path) -> str:
    """What a kustomization renders to, as text."""
    return render.render(folder)


@cache
def text(name: str) -> str:
    """A render as text."""
    return render.render(render.RENDERED[name])


@cache
def _objects(name: str) -> list[Body]:
    return render.objects(text(name))


def objects(name: str, kind: str | None = None) -> list[Body]:
    """A render's objects, of one kind or all."""
    return [body for body in _objects(name) if kind in (None, body["kind"])]


def one(name: str, kind: str, called: str | None = None) -> Body:
    """The one object of that kind (and name)."""
    (found,) = [b for b in objects(name, kind) if called in (None, b["metadata"]["name"])]
    return found


def rules(name: str, *roles: str) -> set[tuple[str, str, str]]:
    """What the named (Cluster)Roles allow: (group, resource, verb)."""
    found = [b for b in objects(name) if b["kind"] in ("ClusterRole", "Role")]
    return {
        (group, resource, verb)
        for role in found
        if role["metadata"]["name"] in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _selects(selector: Body | None, labels: dict[str, str]) -> bool:
    if selector is None:
        return False
    wanted = selector.get("matchLabels", {}).items()
    tests = {
        "Exists": lambda rule: rule["key"] in labels,
        "In": lambda rule: labels.get(rule["key"]) in rule["values"],
    }
    return all(labels.get(key) == value for key, value in wanted) and all(
        tests[rule["operator"]](rule) for rule in selector.get("matchExpressions", [])
    )


def _peer(peer: Body, home: Body, other: Body) -> bool:
    if "ipBlock" in peer:
        if "ip" not in other:
            return False
        address, block = ipaddress.ip_address(other["ip"]), peer["ipBlock"]
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(address in ipaddress.ip_network(part) for part in block.get("except", []))
    if "ip" in other:
        return False
    if "namespaceSelector" in peer:
        named = {"kubernetes.io/metadata.name": other["namespace"]}
        if not _selects(peer["namespaceSelector"], named):
            return False
    elif home["namespace"] != other["namespace"]:
        return False
    return _selects(peer.get("podSelector", {}), other["labels"])


def allowed(policies: list[Body], way: str, pod: Body, other: Body, port: int) -> bool:
    """Whether a pod may speak to (Egress) or be spoken to by (Ingress) the other, as Kubernetes defines it.

    A pod is {namespace, labels}; the other may be {ip} instead. Any protocol.
    """
    field, side = ("egress", "to") if way == "Egress" else ("ingress", "from")
    mine = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == pod["namespace"]
        and _selects(policy["spec"]["podSelector"], pod["labels"])
        and way in policy["spec"]["policyTypes"]
    ]
    if not mine:
        return True
    return any(
        (not rule.get(side) or any(_peer(peer, pod, other) for peer in rule[side]))
        and (not rule.get("ports") or any(item["port"] == port for item in rule["ports"]))
        for policy in mine
        for rule in policy["spec"].get(field, [])
    )
