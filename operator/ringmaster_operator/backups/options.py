"""The options that several commands share. Each has an environment variable, which is what jobs set."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

STATE = "~/.local/state/ringmaster"


class Form(StrEnum):
    """What -o takes."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class Mode(StrEnum):
    """What --mode takes."""

    HOURLY = "hourly"
    DAILY = "daily"
    MANUAL = "manual"


class Packing(StrEnum):
    """What --compression takes."""

    GZIP = "gzip"
    ZSTD = "zstd"
    NONE = "none"


Target = Annotated[
    str,
    typer.Option(
        "--target",
        envvar="RINGMASTER_BACKUP_TARGET",
        help="Where backups are: a folder, or s3://BUCKET/PREFIX with AWS_ACCESS_KEY_ID,"
        " AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL and AWS_REGION.",
    ),
]
Database = Annotated[
    str,
    typer.Option("--database", envvar="RINGMASTER_DATABASE_URL", help="URL of the history database."),
]
Compression = Annotated[
    Packing,
    typer.Option("--compression", envvar="RINGMASTER_BACKUP_COMPRESSION", help="How it is packed."),
]
EncryptTo = Annotated[
    list[str] | None,
    typer.Option(
        "--encrypt-to",
        envvar="RINGMASTER_BACKUP_ENCRYPT_TO",
        help="age public key (age1...) that it is encrypted to; may be given several times.",
    ),
]
KeepHourly = Annotated[
    str,
    typer.Option(
        "--keep-hourly",
        envvar="RINGMASTER_BACKUP_KEEP_HOURLY",
        help="How long hourly ones stay: 36h, 7d, 4w.",
    ),
]
KeepDaily = Annotated[
    str,
    typer.Option("--keep-daily", envvar="RINGMASTER_BACKUP_KEEP_DAILY", help="How long daily ones stay."),
]
Identity = Annotated[
    Path | None,
    typer.Option(
        "--identity",
        envvar="RINGMASTER_BACKUP_IDENTITY",
        help="File with the age private key of encrypted backups.",
    ),
]
Copy = Annotated[
    str,
    typer.Option(
        "--copy",
        envvar="RINGMASTER_BACKUP_COPY",
        help="Where the continuous copy is: a folder or s3://BUCKET/PREFIX;"
        " the folder continuous of the target when unset.",
    ),
]
KeepCopy = Annotated[
    str,
    typer.Option(
        "--keep", envvar="RINGMASTER_BACKUP_KEEP_COPY", help="How far back it reaches: 36h, 7d, 4w."
    ),
]
Result = Annotated[
    Path | None,
    typer.Option("--result", help="File for the result as JSON, also of a failure: /dev/termination-log."),
]
Output = Annotated[Form, typer.Option("-o", "--output", help="How to print.")]
Namespace = Annotated[
    str,
    typer.Option(
        "-n",
        "--namespace",
        envvar="RINGMASTER_NAMESPACE",
        help="Resources of this namespace only; of all when unset.",
    ),
]
Kubeconfig = Annotated[
    str | None, typer.Option("--kubeconfig", help="Kubeconfig; else KUBECONFIG, ~/.kube/config or the pod's.")
]
Resources = Annotated[
    bool,
    typer.Option(
        "--resources/--no-resources",
        envvar="RINGMASTER_BACKUP_RESOURCES",
        help="Also save beads, Workers, BackupSchedules and settings.",
    ),
]
Verify = Annotated[bool, typer.Option("--verify/--no-verify", help="Read it back and check it.")]
Prune = Annotated[bool, typer.Option("--prune/--no-prune", help="Then delete what is too old.")]
Name = Annotated[str, typer.Argument(help="Name of the backup, or latest.")]


def _adopted(unit: str) -> str:
    if unit:
        from ringmaster_operator.backups import host_unit

        host_unit.adopt(unit)
    return unit


Unit = Annotated[
    str,
    typer.Option(
        "--unit",
        is_eager=True,  # the variables of the other options are looked at after it
        callback=_adopted,
        help="Stop and start this systemd unit, whose settings and user count.",
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=5, max=86400, help="Seconds that the operator may take to be ready.")
]

DEFAULT_TARGET = f"{STATE}/backups"
DEFAULT_DATABASE = f"sqlite:///{STATE}/ringmaster.db"
