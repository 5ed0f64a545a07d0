"""Ringmaster onto a host, run by systemd: a user of its own, units, a release that can be gone back from."""

from __future__ import annotations

import pwd
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Exit
from ringmaster_cli.install import data, releases
from ringmaster_cli.install.shell import call, tried

USER = "ringmaster"
SETTINGS = Path("/etc/ringmaster")
STATE = Path("/var/lib/ringmaster")
BACKUPS = Path("/var/backups/ringmaster")
UNITS = Path("/etc/systemd/system")
OPERATOR, TMUX_HOST = "ringmaster-operator.service", "ringmaster-tmux-host.service"
TIMERS = ("ringmaster-backup-hourly.timer", "ringmaster-backup-daily.timer")
LOOK_SECONDS = 0.5
HOPELESS = 2
"""Restarts by systemd after which the former version is not waited for."""
ENVIRONMENT = """\
# Settings of Ringmaster on this host; docs/settings.md has them all. Kept by upgrades.
KUBECONFIG={settings}/kubeconfig
RINGMASTER_DATABASE_URL=sqlite:///{state}/ringmaster.db
RINGMASTER_STATE_DIRECTORY={state}
RINGMASTER_BACKUP_TARGET={backups}
"""


class Host:
    """The installation on this machine; each step is fine with being done again."""

    def __init__(self, *, source: Path, kubeconfig: Path | None, tmux_host: str, timeout: float) -> None:
        """source: a wheel or a bundle; timeout: seconds that the operator gets to be ready."""
        self._source = source
        self._kubeconfig = kubeconfig
        self._tmux_host = tmux_host
        self._timeout = timeout

    def install(self) -> None:
        """Put it there, or bring it up to date; back to what was where that fails. Raises CliError."""
        self._account()
        changed = self._settings()
        output.note("installing packages ...")
        release = releases.put(self._source)
        former = releases.current()
        if release == former and not self._units() and not changed and self._active():
            output.note("nothing to change: this version is installed and runs")
            return
        if former is not None and former != release:
            self._upgrade(former, release)
        else:
            releases.switch(release)
            self._units()
            self._start()
            if not self._ready():
                raise CliError(f"the operator does not get ready: {self._why()}", exit=Exit.FAULTS)
        releases.tidy(release, former)
        output.note(f"{release.name} is installed; its operator is ready")

    def _upgrade(self, former: Path, release: Path) -> None:
        """Stopped before the backup, so that nothing is acknowledged which a way back would lose."""
        self._stop()
        output.note("backing up before the upgrade ...")
        try:
            call("systemctl", "start", "ringmaster-backup@manual.service", seconds=6 * 3600)
            backup = self._newest_backup()
        except CliError:
            self._start()
            raise CliError(
                "the backup before the upgrade failed, so nothing is changed:"
                " journalctl -u ringmaster-backup@manual tells why"
            ) from None
        output.note(f"backed up as {backup}")
        self._go_on_with(release)
        if self._ready():
            return
        why = self._why()
        self._stop()
        self._go_on_with(former)
        was = "the former version is back"
        if not self._ready(restarts=HOPELESS):
            self._put_back(backup, why)
            was += f", and the history as it was (backup {backup})"
        if not self._ready():
            raise CliError(f"neither the new nor the former version gets ready: {why}")
        raise CliError(f"{was}, since the new one did not get ready: {why}")

    def _go_on_with(self, release: Path) -> None:
        releases.switch(release)
        self._units()
        self._start()

    def _newest_backup(self) -> str:
        """Of those that people ask for. Raises CliError."""
        names = self._as_user("backup", "list", "-o", "name").split()
        made = [name for name in names if "-manual-" in name]
        if not made:
            raise CliError("there is no backup")
        return made[0]

    def _put_back(self, backup: str, why: str) -> None:
        """The former version can't use what the new one made of the history. Raises CliError."""
        self._stop()
        try:
            self._as_user("restore", backup, "--offline", "--force")
        except CliError as fault:
            raise CliError(
                f"the new version did not get ready: {why}; the former one is back and stopped, since its"
                f" history could not be put back: {fault}; mend that, then run"
                f" `ringmaster restore {backup} --unit {self.unit()}`"
            ) from None
        self._start()

    @staticmethod
    def _account() -> None:
        try:
            pwd.getpwnam(USER)
        except KeyError:
            home = f"--home-dir={STATE}"
            call("useradd", "--system", "--user-group", home, "--shell=/bin/bash", USER)
        for folder, mode in ((STATE, 0o700), (BACKUPS, 0o700), (SETTINGS, 0o750)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
            shutil.chown(folder, USER if folder != SETTINGS else "root", USER)

    def _settings(self) -> bool:
        """Write what is not there; whether a kubeconfig was replaced."""
        file = SETTINGS / "ringmaster.env"
        if not file.exists():
            text = ENVIRONMENT.format(settings=SETTINGS, state=STATE, backups=BACKUPS)
            _write(file, text + (f"RINGMASTER_TMUX_HOST={self._tmux_host}\n" if self._tmux_host else ""))
        if self._kubeconfig is None:
            return False
        wanted, there = self._kubeconfig.read_text(encoding="utf-8"), SETTINGS / "kubeconfig"
        if there.exists() and there.read_text(encoding="utf-8") == wanted:
            return False
        _write(there, wanted)
        return True

    def _units(self) -> bool:
        """Copy the units of the current release; whether one has changed."""
        changed = False
        now = releases.current()
        folder = (releases.units(now) if now else None) or data.folder("systemd")
        for unit in sorted(folder.iterdir()):
            there = UNITS / unit.name
            if not there.exists() or there.read_bytes() != unit.read_bytes():
                shutil.copyfile(unit, there)
                changed = True
        if changed:
            call("systemctl", "daemon-reload")
        return changed

    @staticmethod
    def unit() -> str:
        """The unit of the operator, which is another one where sessions run here."""
        tmux = "\nRINGMASTER_TMUX_HOST=" in (SETTINGS / "ringmaster.env").read_text(encoding="utf-8")
        return TMUX_HOST if tmux else OPERATOR

    def _start(self) -> None:
        call("systemctl", "enable", "--quiet", self.unit(), *TIMERS)
        call("systemctl", "start", self.unit(), *TIMERS)

    def _stop(self) -> None:
        call("systemctl", "stop", self.unit())

    def _active(self) -> bool:
        return tried(["systemctl", "is-active", "--quiet", self.unit()]).returncode == 0

    def _ready(self, *, restarts: int | None = None) -> bool:
        """Whether it answers in time; or before it was started anew so many times, where that tells."""
        end = time.monotonic() + self._timeout
        while time.monotonic() < end:
            if self._active() and _answers(_port()):
                return True
            if restarts is not None and self._restarts() >= restarts:
                return False
            time.sleep(LOOK_SECONDS)
        return False

    def _restarts(self) -> int:
        said = tried(["systemctl", "show", "-P", "NRestarts", self.unit()]).stdout.strip()
        return int(said) if said.isdigit() else 0

    def _why(self) -> str:
        said = tried(["journalctl", "-u", self.unit(), "-n", "1", "-o", "cat", "--no-pager"]).stdout.strip()
        return said or f"journalctl -u {self.unit()} may tell"

    @staticmethod
    def _as_user(*words: str) -> str:
        """What the current release says, run as the operator with its settings. Raises CliError."""
        run = ["systemd-run", "--quiet", "--wait", "--pipe", f"--uid={USER}", f"--gid={USER}"]
        settings = f"--property=EnvironmentFile={SETTINGS}/ringmaster.env"
        return call(*run, settings, str(releases.CURRENT / "bin" / "ringmaster"), *words, seconds=3600)


def uninstall(*, purge: bool) -> None:
    """Take it off this machine; purge: settings, history and backups too. Raises CliError."""
    units = sorted(path.name for path in UNITS.glob("ringmaster-*") if path.is_file())
    if not units and not releases.TOP.exists() and not (purge and STATE.exists()):
        raise CliError("Ringmaster is not installed on this machine", exit=Exit.NOTHING)
    named = [unit for unit in units if "@" not in unit]
    if named:
        call("systemctl", "disable", "--quiet", "--now", *named)
        tried(["systemctl", "kill", "--kill-whom=all", TMUX_HOST])  # sessions that outlived it
    for unit in units:
        (UNITS / unit).unlink()
    if units:
        call("systemctl", "daemon-reload")
    shutil.rmtree(releases.TOP, ignore_errors=True)
    if not purge:
        output.note(f"Ringmaster is removed. Kept: {SETTINGS}, {STATE}, {BACKUPS} and the user {USER}")
        return
    own = UNITS.glob("ringmaster-*.d")  # changes of the units by whoever runs this machine
    for folder in (SETTINGS, STATE, BACKUPS, *own):
        shutil.rmtree(folder, ignore_errors=True)
    tried(["userdel", USER])
    output.note("Ringmaster is removed, with settings, history and backups")


def _write(file: Path, text: str) -> None:
    """For root and the operator's group alone: a kubeconfig is a key."""
    file.touch(mode=0o640)
    file.chmod(0o640)
    shutil.chown(file, "root", USER)
    file.write_text(text, encoding="utf-8")


def _port() -> int:
    """Where the settings say that the operator listens."""
    for line in (SETTINGS / "ringmaster.env").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name == "RINGMASTER_API_PORT" and value.isdigit():
            return int(value)
    return 8420


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
