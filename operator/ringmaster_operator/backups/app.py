"""`ringmaster backup ...` and `ringmaster restore`: loaded into the CLI by entry point.

Light to import, because the CLI looks at it to know the commands' names; the rest is imported when one runs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ringmaster_cli.exits import CliError, Exit, UsageError
from ringmaster_operator.backups import options as given

commands = typer.Typer(help="Backups and restore.", rich_markup_mode=None)
backup = typer.Typer(
    help="Back up the history and the resources, and look after the backups.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
commands.add_typer(backup, name="backup")


@commands.callback()
def _root() -> None:
    """Backups and restore."""


@backup.command("run")
def run(
    mode: Annotated[given.Mode, typer.Option("--mode", help="hourly, daily or manual: how long it stays.")],
    target: given.Target = given.DEFAULT_TARGET,
    database: given.Database = given.DEFAULT_DATABASE,
    compression: given.Compression = given.Packing.GZIP,
    encrypt_to: given.EncryptTo = None,
    keep_hourly: given.KeepHourly = "7d",
    keep_daily: given.KeepDaily = "30d",
    verify: given.Verify = True,
    prune: given.Prune = True,
    resources: given.Resources = True,
    namespace: given.Namespace = "",
    kubeconfig: given.Kubeconfig = None,
    result: given.Result = None,
    output: given.Output = given.Form.TABLE,
) -> None:
    """Make a backup, prove it, and delete what is too old. The operator goes on meanwhile."""
    from ringmaster_operator.backups import work

    asked = work.Asked(
        mode=mode.value,
        target=target,
        database=database,
        compression=compression.value,
        encrypt_to=tuple(encrypt_to or ()),
        keep_hourly=keep_hourly,
        keep_daily=keep_daily,
        verify=verify,
        prune=prune,
        resources=resources,
        namespace=namespace,
        kubeconfig=kubeconfig,
    )
    work.make(asked, result=result, form=output.value)


@backup.command("now")
def now(
    target: given.Target = given.DEFAULT_TARGET,
    database: given.Database = given.DEFAULT_DATABASE,
    compression: given.Compression = given.Packing.GZIP,
    encrypt_to: given.EncryptTo = None,
    verify: given.Verify = True,
    resources: given.Resources = True,
    namespace: given.Namespace = "",
    kubeconfig: given.Kubeconfig = None,
    output: given.Output = given.Form.TABLE,
) -> None:
    """Make a backup that stays until someone deletes it (run --mode manual)."""
    run(
        mode=given.Mode.MANUAL,
        target=target,
        database=database,
        compression=compression,
        encrypt_to=encrypt_to,
        verify=verify,
        prune=False,
        resources=resources,
        namespace=namespace,
        kubeconfig=kubeconfig,
        output=output,
    )


@backup.command("list")
def list_(target: given.Target = given.DEFAULT_TARGET, output: given.Output = given.Form.TABLE) -> None:
    """The backups, newest first."""
    from ringmaster_operator.backups import listing

    listing.show_all(target, output.value)


@backup.command("show")
def show(
    name: given.Name,
    target: given.Target = given.DEFAULT_TARGET,
    output: given.Output = given.Form.TABLE,
) -> None:
    """What a backup holds."""
    from ringmaster_operator.backups import listing

    listing.show_one(target, name, output.value)


@backup.command("resources")
def resources(
    name: given.Name, target: given.Target = given.DEFAULT_TARGET, identity: given.Identity = None
) -> None:
    """Print the resources of a backup as YAML."""
    from ringmaster_operator.backups import listing

    listing.resources(target, name, identity)


@backup.command("verify")
def verify(
    name: Annotated[str, typer.Argument(help="Name of the backup, or latest.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every backup.")] = False,
    target: given.Target = given.DEFAULT_TARGET,
    identity: given.Identity = None,
) -> None:
    """Read a backup back and check all of it; exit code 9 when something is wrong."""
    if bool(name) == every:
        raise UsageError("name a backup, or give --all")
    from ringmaster_operator.backups import work

    bad = work.verify(target, name, every=every, identity=identity)
    if bad:
        raise CliError(f"{bad} backups are damaged; the lines above say how", exit=Exit.FAULTS)


@backup.command("rehearse")
def rehearse(
    name: given.Name = "latest",
    target: given.Target = given.DEFAULT_TARGET,
    database: given.Database = given.DEFAULT_DATABASE,
    identity: given.Identity = None,
    or_hashes: Annotated[
        bool,
        typer.Option(
            "--or-hashes", help="Compare hashes where the private key of an encrypted one is not given."
        ),
    ] = False,
    result: given.Result = None,
) -> None:
    """Restore a backup into a scratch place and open it with the operator's own code."""
    from ringmaster_operator.backups import work

    work.rehearse(target, name, database=database, identity=identity, or_hashes=or_hashes, result=result)


@backup.command("follow")
def follow(
    copy: given.Copy = "",
    keep: given.KeepCopy = "7d",
    target: given.Target = given.DEFAULT_TARGET,
    database: given.Database = given.DEFAULT_DATABASE,
    encrypt_to: given.EncryptTo = None,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            envvar="RINGMASTER_BACKUP_COPY_PLAIN",
            help="Also where backups are encrypted: the copy is not.",
        ),
    ] = False,
) -> None:
    """Copy every commit of a history in SQLite as it comes, until ended: restore --at takes any second."""
    from ringmaster_operator.backups import work

    work.follow(copy, keep, target=target, database=database, recipients=encrypt_to or (), plain=plain)


@backup.command("diff")
def diff(
    name: given.Name,
    other: Annotated[str, typer.Argument(help="The other backup; the live database when unset.")] = "",
    target: given.Target = given.DEFAULT_TARGET,
    database: given.Database = given.DEFAULT_DATABASE,
    output: given.Output = given.Form.TABLE,
) -> None:
    """What differs between a backup and another one, or the database as it is."""
    from ringmaster_operator.backups import listing

    listing.diff(target, name, other, database, output.value)


@backup.command("prune")
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done, and why.")] = False,
    names: Annotated[
        list[str] | None, typer.Option("--delete", help="Delete this backup too, manual or not.")
    ] = None,
    target: given.Target = given.DEFAULT_TARGET,
    keep_hourly: given.KeepHourly = "7d",
    keep_daily: given.KeepDaily = "30d",
) -> None:
    """Delete backups that are too old, and pack older daily ones harder."""
    from ringmaster_operator.backups import work

    work.prune(target, keep_hourly, keep_daily, dry_run=dry_run, names=names or [])


@commands.command("restore")
def restore(
    name: Annotated[str, typer.Argument(help="Name of the backup, or latest.")] = "",
    at: Annotated[
        str,
        typer.Option(
            "--at",
            help="What was there at that time (UTC), 2026-05-04T13:00 or now: from the continuous copy where"
            " it reaches it, else the newest verified backup before it.",
        ),
    ] = "",
    copy: given.Copy = "",
    target: given.Target = given.DEFAULT_TARGET,
    database: given.Database = given.DEFAULT_DATABASE,
    deployment: Annotated[
        str, typer.Option("--deployment", help="Stop and start this Deployment: NAMESPACE/NAME.")
    ] = "",
    unit: given.Unit = "",
    offline: Annotated[
        bool, typer.Option("--offline", help="Stop nothing, only make sure that nobody has the database.")
    ] = False,
    ready_url: Annotated[
        str,
        typer.Option("--ready-url", help="Where the unit's operator answers; from its settings when unset."),
    ] = "",
    timeout: given.Timeout = 180.0,
    encrypt_to: given.EncryptTo = None,
    identity: given.Identity = None,
    kubeconfig: given.Kubeconfig = None,
    resources: Annotated[
        bool,
        typer.Option("--resources", help="Also make the objects that the cluster lacks, with their status."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Do not ask.")] = False,
) -> None:
    """Put a backup of the history in place; on any failure what was there before."""
    from ringmaster_operator.backups import restore_command

    asked = restore_command.Asked(
        name=name,
        at=at,
        copy=copy,
        target=target,
        database=database,
        deployment=deployment,
        unit=unit,
        offline=offline,
        ready_url=ready_url,
        timeout=timeout,
        encrypt_to=tuple(encrypt_to or ()),
        identity=identity,
        kubeconfig=kubeconfig,
        resources=resources,
        dry_run=dry_run,
        force=force,
    )
    restore_command.restore(asked)
