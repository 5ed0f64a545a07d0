"""What does not depend on the machine: writes and calls of a bead's way, statements of a claim, imports.

tests/cluster/test_counts.py holds the bounds.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import event

from benchlib.bench import Bench
from benchlib.figures import Figure
from benchlib.reports import attempt, commit, request
from ringmaster_operator.history import History
from support.manifests import bead

BEADS = 20
READS = frozenset({"get", "list", "watch"})


async def measure(bench: Bench) -> list[Figure]:
    """One clean run of some beads, one after the other; nothing is timed."""
    writes, calls = await lives(bench)
    claim, report = await statements(bench.folder)
    ours, everything = imports()
    return [
        Figure("counts", "writes to the API server a bead, applied to done", [writes], at_most=4),
        Figure("counts", "all its calls to the API server a bead", [calls]),
        Figure("counts", "statements of a claim's record", [claim]),
        Figure("counts", "statements of a report", [report]),
        Figure("counts", "modules of ours that pull-bead imports", [ours]),
        Figure("counts", "modules that pull-bead imports", [everything]),
    ]


async def lives(bench: Bench) -> tuple[float, float]:
    """Writes and calls of the operator a bead, by the API server's own audit log."""
    namespace, count = bench.namespace("counts"), bench.size(BEADS)
    with bench.running(namespace) as running:
        session = running.session()
        since = bench.cluster.audit_size()
        await bench.fill(namespace, [bead(f"b{number:03d}") for number in range(count)])
        done = 0
        while done < count:
            claimed = await session.pull(wait=20)
            if claimed is None:
                raise RuntimeError(f"{done} of {count} beads could be claimed")
            await session.report(claimed)
            done += 1
        succeeded = "--for=jsonpath={.status.phase}=Succeeded"
        await bench.kubectl("wait", "-n", namespace, "beads", "--all", succeeded)
        await asyncio.sleep(1)  # what comes after the last report counts as well
        entries = [each for each in bench.cluster.audit(since=since) if _ours(each, namespace)]
        await session.close()
    writes = [each for each in entries if each["verb"] not in READS]
    print(f"hack/bench: {dict(Counter(map(_kind, entries)))}", file=sys.stderr)
    return len(writes) / count, len(entries) / count


def _ours(entry: dict[str, Any], namespace: str) -> bool:
    """Whether it is a call of the operator on something in the namespace, or about a token."""
    target = entry.get("objectRef", {})
    if "kubectl" in entry.get("userAgent", "") or _kind(entry) == "create beads":
        return False
    return target.get("namespace") == namespace or target.get("resource") in ("tokenreviews",)


def _kind(entry: dict[str, Any]) -> str:
    target = entry.get("objectRef", {})
    return "/".join([f"{entry['verb']} {target.get('resource')}", *filter(None, [target.get("subresource")])])


async def statements(folder: Path) -> tuple[float, float]:
    """SQL statements of recording a claim, and of a report that ends it."""
    history = await History.open(f"sqlite:///{folder}/counts.db")
    counted: list[str] = []

    def count(*arguments: Any) -> None:
        counted.append(str(arguments[2]))

    event.listen(history._backend.writer, "before_cursor_execute", count)
    try:
        await attempt(history, 0, 0)
        claim = len(counted)
        await commit(history, 0, 0, request(0, 0))
        return float(claim), float(len(counted) - claim)
    finally:
        await history.close()


def imports() -> tuple[float, float]:
    """Modules in `ringmaster pull-bead --help`'s process: ours, and all beyond a bare Python's."""
    code = (
        "import sys, atexit, json\n"
        "bare = set(sys.modules)\n"
        "atexit.register(lambda: print(json.dumps(sorted(set(sys.modules) - bare)), file=sys.stderr))\n"
        "sys.argv = ['ringmaster', 'pull-bead', '--help']\n"
        "from ringmaster_cli.main import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stderr)
    return float(sum(name.startswith("ringmaster_") for name in found)), float(len(found))
