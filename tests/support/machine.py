"""A machine of its own, run by the real systemd: namespaces, and this machine's files under a layer.

The kernel, the network and the clock are this machine's. What it writes goes to memory and is gone with it.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from pathlib import Path

ROOTS = Path("/sys/fs/cgroup")
#: Nothing of this machine's own is started: it would set kernel parameters, mount disks, load modules.
BOOT = """
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs {place}
mkdir {place}/upper {place}/work {place}/root
mount -t overlay overlay -o lowerdir=/,upperdir={place}/upper,workdir={place}/work {place}/root
cd {place}/root
mount -t proc proc proc
mount -o bind,ro proc/sys proc/sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t sysfs -o ro sysfs sys
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    mount -o remount,ro sys/fs/cgroup
fi
mkdir run/lock
rm -rf usr/lib/systemd/system-generators etc/systemd/system/*.wants usr/lib/systemd/system/*.target.wants
rm -rf opt/ringmaster etc/ringmaster var/lib/ringmaster var/backups/ringmaster
echo {machine} > etc/machine-id
printf '[Unit]\\nRequires=systemd-journald.service dbus.socket\\nAfter=systemd-journald.service\\n' \\
    > etc/systemd/system/machine.target
exec chroot . /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /usr/lib/systemd/systemd --system --unit=machine.target --show-status=no --log-target=null
"""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Machine:
    """Use it as a context; needs root, unshare, nsenter and systemd."""

    def __init__(self, place: Path) -> None:
        """place: an empty folder that its files are mounted on."""
        self._place = place
        self._group = f"machine-{secrets.token_hex(4)}"
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0

    def __enter__(self) -> Machine:
        boot = BOOT.format(place=self._place, machine=secrets.token_hex(16))
        spaces = ("--pid", "--fork", "--mount", "--uts", "--ipc", "--cgroup", "--kill-child")
        self._cgroup.mkdir()
        join = f'echo $$ > {self._cgroup}/cgroup.procs; exec "$@"'  # no other child than its init
        command = ["sh", "-c", join, "sh", "unshare", *spaces, "sh", "-c", boot]
        self._process = subprocess.Popen(command, start_new_session=True)
        try:
            self._boots()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _boots(self) -> None:
        deadline = time.monotonic() + 180
        while self.run("systemctl", "is-active", "machine.target").stdout.strip() != "active":
            assert time.monotonic() < deadline, "the machine does not boot"
            time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)  # with its init, a namespace's processes all end
        self._process.wait()
        deadline = time.monotonic() + 20
        for folder in sorted(self._cgroup.rglob("*/"), key=lambda path: -len(path.parts)):
            _remove(folder, deadline)
        _remove(self._cgroup, deadline)

    @property
    def _cgroup(self) -> Path:
        return (ROOTS / "systemd" if (ROOTS / "systemd").is_dir() else ROOTS) / self._group

    def run(
        self, *command: str, seconds: float = 280, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """A command as its root, however it ends."""
        env = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **environment}
        enter = ["nsenter", f"--target={self._pid()}", "--pid", "--mount", "--uts", "--ipc", "--root", "--wd"]
        return subprocess.run(
            [*enter, "--", *command], env=env, capture_output=True, text=True, timeout=seconds, check=False
        )

    def said(self, *command: str, **environment: str) -> str:
        """A command that must work; what it printed."""
        done = self.run(*command, seconds=280, **environment)
        assert done.returncode == 0, done
        return done.stdout

    def _pid(self) -> int:
        """Its init: the child of unshare."""
        assert self._process is not None
        assert self._process.poll() is None, "the machine has ended"
        while not self._init:
            children = (
                Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            )
            self._init = int(children[0]) if children else 0
            time.sleep(0.05)
        return self._init


def _remove(folder: Path, deadline: float) -> None:
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)
