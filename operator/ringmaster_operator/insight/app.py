"""`ringmaster rank, explain, blocked, tracks, graph, what-if, lint`: loaded into the CLI by entry point.

Light to import, because the CLI looks at it to know the commands' names; the board is imported when one runs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ringmaster_cli.exits import CliError, Exit, UsageError

if TYPE_CHECKING:
    from ringmaster_operator.insight.scene import Scene

commands = typer.Typer(help="The order of beads, its reasons, and what is wrong.", rich_markup_mode=None)

Namespace = Annotated[
    str | None, typer.Option("-n", "--namespace", help="Namespace; the context's when unset.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
Name = Annotated[str, typer.Argument(help="Name of the bead.")]


class Form(StrEnum):
    """What -o takes."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class Drawing(StrEnum):
    """What graph's -o takes."""

    TREE = "tree"
    MERMAID = "mermaid"
    DOT = "dot"


Output = Annotated[Form, typer.Option("-o", "--output", help="How to print.")]


def _scene(namespace: str | None, context: str | None) -> Scene:
    try:
        import numpy
        import rustworkx

        from ringmaster_operator.insight.scene import load
    except ImportError as fault:
        raise UsageError(
            "this command needs the operator's packages: pip install 'ringmaster[operator]'"
        ) from (fault)
    from ringmaster_cli.people.cluster import Cluster

    del numpy, rustworkx
    return load(Cluster(namespace=namespace, context=context))


@commands.command("rank")
def rank(
    limit: Annotated[int, typer.Option("--limit", min=1, help="Beads at most.")] = 30,
    output: Output = Form.TABLE,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """What may be claimed now, best first, and why."""
    scene = _scene(namespace, context)
    from ringmaster_operator.insight import lists, show

    rows = lists.rank(scene, limit)
    if show.structured(output, rows, [row["name"] for row in rows]):
        return
    if not rows:
        show.say(f"nothing may be claimed in namespace {scene.namespace}; ringmaster blocked says why")
        return
    columns = ["rank", "name", "priority", "score", "waiting"]
    if output is Form.WIDE:
        columns += ["title", "workers"]
    heads = [*("#" if column == "rank" else column.upper() for column in columns), "WHY"]
    cells = [[_cell(row[column]) for column in (*columns, "why")] for row in rows]
    show.table(heads, cells)
    more = len(scene.ranked()) - len(rows)
    if more:
        show.say(f"and {more} more: --limit shows them")


@commands.command("explain")
def explain(
    bead: Name,
    output: Output = Form.TABLE,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Why a bead stands where it does: readiness, priority, score, waiting, Workers."""
    scene = _scene(namespace, context)
    from ringmaster_operator.insight import reasons, show

    scene.named(bead)
    if show.structured(output, reasons.explained(scene, bead), [bead]):
        return
    for title, text in reasons.explanation(scene, bead):
        show.say(f"  {title + ':':14} {text}" if title else text)


@commands.command("blocked")
def blocked(output: Output = Form.TABLE, namespace: Namespace = None, context: Context = None) -> None:
    """Beads that may not be claimed, what each waits for, and what holds most of them back."""
    scene = _scene(namespace, context)
    from ringmaster_operator.insight import lists, show

    rows, holds = lists.blocked(scene)
    if show.structured(output, {"blocked": rows, "holdsBack": holds}, [row["name"] for row in rows]):
        return
    if not rows:
        show.say(f"nothing is blocked in namespace {scene.namespace}")
        return
    show.table(
        ("NAME", "REASON", "WAITING", "WHAT IT WAITS FOR"),
        [(row["name"], row["reason"], row["waitingInAll"], row["message"]) for row in rows],
    )
    if holds:
        show.say("")
        show.table(("FIRST", "HOLDS BACK", "WHERE IT STANDS"), [tuple(item.values()) for item in holds[:20]])


@commands.command("tracks")
def tracks(output: Output = Form.TABLE, namespace: Namespace = None, context: Context = None) -> None:
    """What can run side by side: groups of beads that do not wait for each other, each in waves."""
    scene = _scene(namespace, context)
    from ringmaster_operator.insight import lists, show

    found = lists.tracks(scene)
    if show.structured(output, found, [name for track in found for name in track["beads"]]):
        return
    if not found:
        show.say(f"no unfinished beads in namespace {scene.namespace}")
    for number, track in enumerate(found, start=1):
        count = len(track["beads"])
        show.say(
            f"Track {number}: {count} {'bead' if count == 1 else 'beads'}, {track['ready']} ready,"
            f" {track['running']} running, {show.minutes(track['minutes'])} of work one after another"
        )
        for place, wave in enumerate(track["waves"]):
            show.say(f"  {'first' if not place else 'then':6} {', '.join(wave)}")
        for key, names in track["oneAtATime"].items():
            show.say(f"  one at a time ({key}): {', '.join(names)}")
        if track["inCycles"]:
            show.say(f"  never, they wait for a cycle: {', '.join(track['inCycles'])}")


@commands.command("graph")
def graph(
    bead: Annotated[str | None, typer.Argument(help="Only this bead and what is tied to it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Finished beads too.")] = False,
    output: Annotated[Drawing, typer.Option("-o", "--output", help="How to draw.")] = Drawing.TREE,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Who waits for whom: a tree for the terminal, Mermaid, or DOT for Graphviz."""
    scene = _scene(namespace, context)
    from ringmaster_operator.insight import graphs, show

    names = set(scene.beads) if everything else set(scene.open())
    if bead is not None:
        scene.named(bead)
        names = (names & graphs.around(scene, bead)) | {bead}
    if output is Drawing.MERMAID:
        show.say(graphs.mermaid(scene, names))
    elif output is Drawing.DOT:
        show.say(graphs.dot(scene, names))
    else:
        show.say(graphs.tree(scene, names, root=bead))


@commands.command("what-if")
def what_if(
    close: Annotated[list[str] | None, typer.Option("--close", help="Bead that would be done.")] = None,
    priority: Annotated[
        list[str] | None, typer.Option("--priority", help="BEAD=P0: priority that it would have.")
    ] = None,
    hold: Annotated[list[str] | None, typer.Option("--hold", help="Bead that would be held.")] = None,
    run: Annotated[list[str] | None, typer.Option("--run", help="Bead that would be released.")] = None,
    output: Output = Form.TABLE,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """The order that would follow from a change; nothing is changed."""
    if not (close or priority or hold or run):
        raise UsageError("what if what? --close, --priority, --hold or --run says it")
    scene = _scene(namespace, context)
    from ringmaster_operator.insight import lists, show

    wishes = {"close": close or [], "priority": priority or [], "hold": hold or [], "run": run or []}
    rows = lists.what_if(scene, lists.changed(scene, **wishes))
    if show.structured(output, rows, [row["name"] for row in rows if row["rank"]]):
        return
    cells = [
        (row["rank"] or "-", row["before"] or "-", row["name"], row.get("priority", ""), row["why"])
        for row in rows
    ]
    show.table(("#", "NOW", "NAME", "PRIORITY", "WHY"), cells)


@commands.command("lint")
def lint(
    output: Output = Form.TABLE,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Mistakes that keep work from being done; exit code 9 when there are errors."""
    scene = _scene(namespace, context)
    from ringmaster_operator.insight import show
    from ringmaster_operator.insight.lint import Severity
    from ringmaster_operator.insight.lint import lint as check

    faults = check(scene)
    named = [fault.where.removeprefix("Bead ") for fault in faults if fault.where.startswith("Bead ")]
    if not show.structured(output, [fault._asdict() for fault in faults], sorted(set(named))):
        if faults:
            show.table(("SEVERITY", "RULE", "WHERE", "WHAT"), faults)
        else:
            show.say(f"nothing to complain about in namespace {scene.namespace}")
    bad = [fault for fault in faults if strict or fault.severity is Severity.ERROR]
    if bad:
        raise CliError(f"{len(bad)} of {len(faults)} findings are to be mended", exit=Exit.FAULTS)


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
