"""How backups are shown: a table for people, JSON and YAML for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ringmaster_cli.agents.terminal import plain
from ringmaster_operator.backups import catalog, sources
from ringmaster_operator.backups import verify as verifying
from ringmaster_operator.backups.errors import NotThere
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.places import target as place
from ringmaster_operator.backups.retention import Fate, Verdict
from ringmaster_operator.backups.target import Target

STAMP = "%Y-%m-%d %H:%M:%SZ"


def structured(form: str, data: Any, names: Sequence[str]) -> bool:
    """Print for a program, if that is asked for."""
    if form == "json":
        print(json.dumps(data, ensure_ascii=False, indent=2))
    elif form == "yaml":
        import yaml

        print(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), end="")
    elif form == "name":
        print("".join(f"{name}\n" for name in names), end="")
    else:
        return False
    return True


def say(text: str) -> None:
    """Lines for people."""
    print(plain(text), flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns side by side."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[number]) for row in cells) for number in range(len(head))]
    for row in cells:
        say("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def size(number: int) -> str:
    """Bytes as people read them."""
    amount, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        del units[0]
    unit = units[0]
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"


def made(manifest: Manifest, target: Target) -> None:
    """One line about a backup that was just made."""
    rows, objects = sum(manifest.tables.values()), sum(manifest.resources.values())
    with_resources = f" and {objects} resources" if manifest.part("resources") else ""
    proven = "verified" if manifest.verified else "not verified"
    say(
        f"{manifest.name}: {rows} rows{with_resources}, {size(manifest.size)}, {proven}, "
        f"{manifest.seconds:.1f} s, in {target.place}"
    )


def show_all(where: str, form: str) -> None:
    """The list. Raises TargetFault."""
    known = catalog.load(place(where))
    data = [manifest.lean() for manifest in known.backups]
    if structured(form, data, [manifest.name for manifest in known.backups]):
        return
    if not known.backups and not known.unreadable:
        say(f"there are no backups in {known.place}; ringmaster backup now makes one")
        return
    rows = [
        [
            manifest.name,
            manifest.time.strftime(STAMP),
            size(manifest.size),
            sum(manifest.tables.values()),
            sum(manifest.resources.values()) if manifest.part("resources") else "-",
            _verified(manifest),
        ]
        for manifest in known.backups
    ]
    rows += [[name, "-", "-", "-", "-", f"DAMAGED: {fault}"] for name, fault in known.unreadable.items()]
    table(["NAME", "SHOWS", "SIZE", "ROWS", "RESOURCES", "VERIFIED"], rows)


def _verified(manifest: Manifest) -> str:
    if manifest.fault:
        return f"DAMAGED: {manifest.fault}"
    return manifest.verified.strftime(STAMP) if manifest.verified else "no"


def show_one(where: str, name: str, form: str) -> None:
    """One backup. Raises BackupError."""
    manifest = catalog.load(place(where)).find(name)
    if structured(form, manifest.lean(), [manifest.name]):
        return
    lines = {
        "name": manifest.name,
        "shows": manifest.time.strftime(STAMP),
        "verified": _verified(manifest),
        "note": manifest.note,
        "lacks": manifest.lacks,
        "database": f"{manifest.engine}, schema {manifest.schema_revision}",
        "took": f"{manifest.seconds:.1f} s",
        "versions": ", ".join(f"{program} {version}" for program, version in manifest.versions.items()),
    }
    for part in manifest.parts:
        packed = part.compression.value + (", encrypted" if part.encrypted else "")
        lines[part.role + " file"] = f"{part.name}, {size(part.bytes)} of {size(part.raw_bytes)} ({packed})"
        lines[part.role + " SHA-256"] = part.sha256
    for kind, count in {**manifest.tables, **manifest.resources}.items():
        if count:
            lines[kind] = str(count)
    width = max(len(key) for key in lines)
    say("\n".join(f"{key:{width}}  {value}" for key, value in lines.items() if value))


def resources(where: str, name: str, identity: Path | None) -> None:
    """Print the YAML. Raises BackupError."""
    target = place(where)
    manifest = catalog.load(target).find(name)
    part = manifest.part("resources")
    if part is None:
        raise NotThere(f"backup {manifest.name} was made without resources")
    with target.scratch(private=True) as scratch:
        path = verifying.unpacked(target, manifest, part, identity=identity, scratch=scratch)
        with path.open(encoding="utf-8") as file:
            for line in file:
                sys.stdout.write(line)


def diff(where: str, name: str, other: str, database: str, form: str) -> None:
    """Rows and objects that one has more than the other. Raises BackupError."""
    target = place(where)
    known = catalog.load(target)
    one = known.find(name)
    if other:
        two = known.find(other)
        label, tables, objects = two.name, two.tables, two.resources
        revision = two.schema_revision
    else:
        source = sources.source(database)
        with target.scratch(private=True) as scratch:
            facts = source.snapshot(scratch / "snapshot")
        label, tables, objects, revision = "now", facts.tables, one.resources, facts.revision
    rows: list[dict[str, Any]] = []
    if one.schema_revision != revision:
        rows.append({"what": "schema", "first": one.schema_revision, "second": revision, "more": ""})
    for first, second in ((one.tables, tables), (one.resources, objects)):
        for key in sorted({*first, *second}):
            before, after = first.get(key, 0), second.get(key, 0)
            if before != after:
                rows.append({"what": key, "first": before, "second": after, "more": f"{after - before:+}"})
    if structured(form, rows, [str(row["what"]) for row in rows]):
        return
    if not rows:
        say(f"{one.name} and {label} have as many rows and objects of each kind")
        return
    table(["WHAT", one.name, label, "DIFFERENCE"], [list(row.values()) for row in rows])


def verdicts(planned: Sequence[tuple[Manifest, Verdict]], names: Sequence[str]) -> None:
    """What prune would do."""
    if not planned:
        say("there are no backups")
        return
    rows = []
    for manifest, verdict in planned:
        named = manifest.name in names
        fate = Fate.DELETE if named else verdict.fate
        rows.append(
            [fate.value, manifest.name, size(manifest.size), "it was named" if named else verdict.reason]
        )
    table(["WOULD", "NAME", "SIZE", "WHY"], rows)
