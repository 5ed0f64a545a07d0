"""`ringmaster create`: one bead from options, from an editor or from YAML."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, UsageError
from ringmaster_cli.intake.yaml_text import documents
from ringmaster_cli.people.options import Context, Json, Namespace

Body = dict[str, Any]
Words = list[str] | None
TEMPLATE = """\
# A bead. Lines that begin with # are left out; an unchanged text makes nothing.
# Fields are those of a Bead's spec: `kubectl explain bead.spec`.
title: {title}
priority: P2
# type: task            # epic, task, subtask, decision, question
# dependsOn: [other-bead]
# parent: some-epic
# capabilities: [python]
description: |
  What is to be done, as the agent will read it.
acceptance:
  criteria:
  - What must hold in the end.
  verify:
  - "true"
"""


def create(
    title: Annotated[str | None, typer.Argument(help="What is to be done, in one line.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", "-d", help="The work in full; - reads standard input.")
    ] = None,
    priority: Annotated[
        int | None, typer.Option("--priority", "-p", min=0, max=4, help="0 is the most urgent; 2 when unset.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", "-t", help="epic, task, subtask, decision or question.")
    ] = None,
    parent: Annotated[str | None, typer.Option(help="Bead that it belongs to.")] = None,
    after: Annotated[
        Words, typer.Option("--after", help="Bead that must succeed first; may be repeated.")
    ] = None,
    capability: Annotated[
        Words, typer.Option(help="What a Worker must be able to do; may be repeated.")
    ] = None,
    criterion: Annotated[Words, typer.Option(help="What must hold in the end; may be repeated.")] = None,
    verify: Annotated[Words, typer.Option(help="Command that must exit with 0; may be repeated.")] = None,
    repository: Annotated[str | None, typer.Option(help="Git address to work in.")] = None,
    estimate: Annotated[int | None, typer.Option(min=1, help="Minutes that it may take.")] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Do not start it yet.")] = False,
    name: Annotated[str | None, typer.Option(help="Name of the bead; made of the title when unset.")] = None,
    file: Annotated[
        str | None, typer.Option("--file", "-f", help="YAML with fields of the spec; - is standard input.")
    ] = None,
    edit: Annotated[bool, typer.Option("--edit", "-e", help="Write it in $EDITOR.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Let the server check it, and make nothing.")
    ] = False,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Make a bead. Options win over what --file or the editor says."""
    from ringmaster_cli.intake.store import Beads

    if description == "-" and file == "-":
        raise UsageError("standard input cannot be both the description and the file")
    spec = _spec_of(_read(file), file) if file else {}
    given: Body = {
        "title": title,
        "description": sys.stdin.read() if description == "-" else description,
        "priority": None if priority is None else f"P{priority}",
        "type": kind,
        "parent": parent,
        "dependsOn": after,
        "capabilities": capability,
        "repository": {"url": repository} if repository else None,
        "estimateMinutes": estimate,
        "desired": "Hold" if hold else None,
    }
    spec |= {key: value for key, value in given.items() if value}
    acceptance = {key: value for key, value in (("criteria", criterion), ("verify", verify)) if value}
    if acceptance:
        spec["acceptance"] = {**spec.get("acceptance", {}), **acceptance}
    if edit:
        spec = _edited(spec)
    beads = Beads(namespace=namespace, context=context)
    made = beads.make(_body(spec, name, beads.namespace), dry_run=dry_run)
    called = made["metadata"]["name"]
    output.result(made, f"bead {called} {'could be made' if dry_run else 'made'}", as_json=as_json)


def _body(spec: Body, name: str | None, namespace: str) -> Body:
    """The object, checked here first, where every fault is told at once."""
    from pydantic import ValidationError

    from ringmaster_cli.intake.names import slug
    from ringmaster_operator.resources.bead import Bead

    if not spec.get("title"):
        raise UsageError("a bead needs a title: ringmaster create 'What is to be done'")
    if spec.get("type") == "decision" and "decision" not in spec:
        spec = {**spec, "decision": {"question": spec.get("description") or spec["title"]}}
    meta = (
        {"name": name}
        if name
        else {"generateName": f"{slug(str(spec['title']), 40).replace('.', '-') or 'bead'}-"}
    )
    body = {"apiVersion": "ringmaster.dev/v1alpha1", "kind": "Bead", "metadata": meta, "spec": spec}
    try:
        Bead.check({**body, "metadata": {"name": name or "checked"}})
    except ValidationError as fault:
        found = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors(include_url=False)
        )
        raise UsageError(found) from None
    return {**body, "metadata": {**meta, "namespace": namespace}}


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(f"{file} cannot be read: {fault}") from None


def _spec_of(text: str, file: str) -> Body:
    given = documents(text, file)
    found = given[0] if len(given) == 1 else None
    if not isinstance(found, dict):
        raise UsageError(f"{file}: write one bead, as fields: title: ... (several: ringmaster import)")
    if "kind" in found:
        raise UsageError(f"{file}: that is an object of Kubernetes: kubectl apply -f {file}")
    return found


def _edited(spec: Body) -> Body:
    """What the person makes of it in the editor."""
    import yaml

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    title = str(spec.get("title") or "")
    rest = {key: value for key, value in spec.items() if key != "title"}
    start = (
        yaml.safe_dump(spec, sort_keys=False, allow_unicode=True)
        if rest
        else TEMPLATE.format(title=yaml.safe_dump(title, allow_unicode=True, width=10_000).splitlines()[0])
    )
    with tempfile.TemporaryDirectory(prefix="ringmaster-") as folder:
        path = Path(folder) / "bead.yaml"
        path.write_text(start, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as fault:
            raise CliError(f"the editor {editor} failed: {fault}") from None
        text = _read(str(path))
    if text == start:
        raise UsageError("the text is unchanged, so nothing is made")
    return _spec_of(text, "the bead")
