"""`hack/soak`: the command."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from soaklib.plan import KINDS, left_out, plan
from soaklib.run import soak
from soaklib.table import as_json, as_markdown
from soaklib.world import able
from support.clusters import OwnCluster, add_definitions, hack_cluster, named

BROKEN = 1


def main(
    seed: Annotated[int | None, typer.Option(help="Replays a plan; random when not given.", min=0)] = None,
    minutes: Annotated[float, typer.Option(help="How long the faults go on.", min=0.5, max=10080)] = 10.0,
    only: Annotated[
        list[str] | None, typer.Option(help="Do this fault and no others; may be repeated.")
    ] = None,
    spare: Annotated[list[str] | None, typer.Option(help="Leave this fault out; may be repeated.")] = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Print the plan and end.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for soak.json, soak.md and the logs.")] = None,
) -> None:
    """Let a fleet work while a seeded plan breaks what it stands on, and check that nothing is lost.

    Everything is made for it and ended after it: a Kubernetes API server, an operator, tmux sessions. Exit
    code 1 when an invariant was broken.
    """
    seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    unable = able()
    try:
        without = left_out(only or (), spare or ()) | unable
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from wrong
    faults = plan(seed, minutes, without=without)
    chosen = _options(only=only, spare=spare)
    print(f"seed {seed}: replay with hack/soak --seed {seed} --minutes {minutes:g}{chosen}")
    for name in sorted(unable):
        print(f"without {name}: it needs root")
    if plan_only:
        for fault in faults:
            both = " (with the one beside it)" if fault.paired else ""
            print(f"{fault.at:8.1f} s  {fault.kind:16} {fault.seconds:5.1f} s  {fault.strength:g}{both}")
        print(f"{len(faults)} faults of {len({fault.kind for fault in faults})} kinds, of {len(KINDS)}")
        return
    name = f"own-{os.getpid()}-soak"
    with tempfile.TemporaryDirectory(prefix="ringmaster-soak-") as folder:
        where = (out or Path(folder)).resolve()
        where.mkdir(parents=True, exist_ok=True)
        try:
            hack_cluster("up", "--name", name)
            cluster = named(OwnCluster, "--name", name)
            add_definitions(cluster)
            result = asyncio.run(soak(cluster, where, seed=seed, minutes=minutes, faults=faults))
        finally:
            hack_cluster("down", "--name", name)
        if out:
            (where / "soak.json").write_text(as_json(result))
            (where / "soak.md").write_text(as_markdown(result))
        print(as_markdown(result))
    raise SystemExit(BROKEN if result.broken else 0)


def _options(**named: list[str] | None) -> str:
    return "".join(f" --{option} {name}" for option, names in named.items() for name in names or ())


if __name__ == "__main__":
    typer.run(main)
