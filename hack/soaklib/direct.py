"""The API server as it is, past the proxy: what the observer, the backlog and the adversary use."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import httpx2

from support.manifests import API

PAUSE_SECONDS = 0.3
SECONDS = 10.0


class Direct:
    """Calls with the cluster's own administrator's token; close() it."""

    def __init__(self, kubeconfig: Path, *, read_seconds: float = SECONDS) -> None:
        folder = kubeconfig.parent
        config = json.loads(kubeconfig.read_text())
        self.client = httpx2.AsyncClient(
            base_url=config["clusters"][0]["cluster"]["server"],
            headers={"Authorization": f"Bearer {config['users'][0]['user']['token']}"},
            timeout=httpx2.Timeout(SECONDS, read=read_seconds),
            verify=ssl.create_default_context(cafile=str(folder / "ca.crt")),
        )
        ports = json.loads((folder / "cluster.json").read_text())["ports"]
        keys = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        keys.load_cert_chain(folder / "server.crt", folder / "server.key")
        self._etcd = f"https://127.0.0.1:{ports['etcd']}"
        self._keys = keys

    async def close(self) -> None:
        await self.client.aclose()

    async def create(self, namespace: str, body: dict[str, Any]) -> None:
        """Create a bead, however often the API server must be asked."""
        while True:
            try:
                answer = await self.client.post(beads(namespace), json=body)
            except httpx2.HTTPError:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if answer.status_code in (201, 409):  # there already: the answer to a former try was lost
                return
            if answer.status_code < 500 and answer.status_code not in (401, 403, 404, 429):
                raise RuntimeError(f"a bead was not created: {answer.text}")
            await asyncio.sleep(PAUSE_SECONDS)  # an API server that starts knows neither rights nor kinds

    async def patch(self, namespace: str, name: str, change: dict[str, Any]) -> bool:
        """Merge-patch a bead once; whether it was taken."""
        kind = {"Content-Type": "application/merge-patch+json"}
        try:
            answer = await self.client.patch(
                f"{beads(namespace)}/{name}", content=json.dumps(change), headers=kind
            )
        except httpx2.HTTPError:
            return False
        return answer.is_success

    async def compact(self) -> int:
        """Compact etcd up to now: who watches from an older revision has lost its place. The revision."""
        async with httpx2.AsyncClient(base_url=self._etcd, verify=self._keys, timeout=SECONDS) as etcd:
            found = await etcd.post("/v3/kv/range", json={"key": "Lw=="})
            revision = int(found.json()["header"]["revision"])
            answer = await etcd.post("/v3/kv/compaction", json={"revision": revision, "physical": True})
            answer.raise_for_status()
            return revision


def beads(namespace: str) -> str:
    """The path of a namespace's beads."""
    return f"/apis/{API}/namespaces/{namespace}/beads"
