"""What a claim hands over for the prompt: the tree, the last failure's output, the project's wishes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.manifests import bead, listed
from support.sessions import Session

pytestmark = pytest.mark.cluster

PROJECT = "[prompt]\nbudgetTokens = 9000\n[prompt.sources.map]\nenabled = false\n"


async def test_a_claim_has_what_the_prompt_draws_on(cluster: Any, namespace: str, session: Session) -> None:
    project = {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ringmaster-project"},
        "data": {"project.toml": PROJECT},
    }  # fmt: skip
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=json.dumps(project))
    made = [
        bead("goal", type="epic", description="This year."),
        bead("epic", type="epic", description="Piece by piece.", parent="goal"),
        bead("one", parent="epic", acceptance={"verify": ["make test"]}),
        bead("two", parent="epic", title="The other", desired="Hold"),
    ]
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(made))
    held = ("wait", "-n", namespace, "bead/two", "--for=jsonpath={.status.phase}=Held", "--timeout=60s")
    cluster.kubectl(*held)  # the last of them is known
    claimed = await session.pull(wait=30, bead="one")
    assert claimed is not None
    work = claimed.bead
    assert work.parent is not None
    assert (work.parent.name, work.parent.description) == ("epic", "Piece by piece.")
    assert [(item.name, item.description) for item in work.ancestors] == [("goal", "This year.")]
    assert [(item.name, item.title, item.phase) for item in work.siblings] == [("two", "The other", "Held")]
    assert work.logs == []
    assert work.prompt.budget_tokens == 9000
    assert not work.prompt.sources["map"].enabled
    failed = {"command": "make test", "exitCode": 2, "seconds": 1.0, "output": "E: 1 != 2"}
    told = {"digest": "a" * 64, "tokens": 12, "parts": [{"name": "bead", "tokens": 12}]}
    status, answer = await session.report(claimed, "incomplete", verify=[failed], prompt=told)
    assert (status, answer["next"]) == (200, "iterate")
    status, again = await session.call("GET", f"/claims/{claimed.claim_id}/work", fence=claimed.fence)
    assert status == 200
    (log,) = again["claimed"]["bead"]["logs"]
    assert (log["command"], log["exitCode"], log["output"]) == ("make test", 2, "E: 1 != 2")
