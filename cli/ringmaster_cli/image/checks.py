"""The points of the agent image contract, each tried rather than looked up.

Each check returns what it found, or raises Broken with what to do. They run inside the image, as its user, so
what passes here passes in the pod that Ringmaster makes, whose root filesystem can't be written.
"""

from __future__ import annotations

import locale
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 30.0
"""How long a program may take to show that it runs."""
REAP_SECONDS = 5.0
TINI = "/usr/bin/tini"
WORKSPACE = "/workspace"
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class Broken(Exception):
    """The image does not keep this point; the message says what to change."""


@dataclass(frozen=True)
class Finding:
    """One point of the contract."""

    name: str
    ok: bool
    found: str
    """What is there, or what to change."""


def examine(
    *, profile: str | None = None, command: str | None = None, folders: Sequence[Path] = ()
) -> list[Finding]:
    """Check every point; profile and command name the agent, folders are where own profiles are."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("user", user),
        ("home", lambda: writable(os.environ.get("HOME", ""), "HOME")),
        ("workspace", lambda: writable(os.environ.get("RINGMASTER_HOME", WORKSPACE), "the workspace")),
        ("tmp", lambda: writable(os.environ.get("TMPDIR", "/tmp"), "the temporary folder")),  # noqa: S108
        ("command", own_command),
        ("shell", shell),
        ("git", git),
        ("tmux", tmux),
        ("tini", tini),
        ("orphans", orphans),
        ("signals", signals),
        ("certificates", certificates),
        ("locale", utf8),
    ]
    if profile is not None or command is not None:
        checks.append(("agent", lambda: agent(profile or "generic", command, folders)))
    return [_finding(name, check) for name, check in checks]


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except Broken as fault:
        return Finding(name, False, str(fault))


def user() -> str:
    """Pod Security "restricted" refuses root, and also a user given by name."""
    if os.getuid() == 0:
        raise Broken("the image runs as root: end its Dockerfile with a numeric user, as USER 65532:65532")
    return f"{os.getuid()}:{os.getgid()}"


def writable(folder: str, what: str) -> str:
    """A volume in the pod; in the image it must belong to the user, or be mounted for this check."""
    if not folder:
        raise Broken(f"{what} is not set")
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            return folder
    except OSError as fault:
        raise Broken(
            f"{what} ({folder}) cannot be written: {fault.strerror}; give it to the user, or mount a volume"
        ) from None


def own_command() -> str:
    """Pods start `ringmaster` by this name."""
    found = shutil.which("ringmaster")
    if found is None:
        raise Broken("ringmaster is not on the PATH: link it to where it is, as /usr/local/bin/ringmaster")
    return f"{found} {run([found, '--version'], 'ringmaster').strip()}"


def shell() -> str:
    """Acceptance and setup commands are run by it; GNU env starts the session in its folder."""
    run(["env", f"--chdir={tempfile.gettempdir()}", "--", "sh", "-c", "exit 0"], "sh, or env --chdir,")
    if shutil.which("bash") is None:
        raise Broken("bash is missing: install it, agents run their commands with it")
    return str(shutil.which("bash"))


def git() -> str:
    """A commit and a worktree, as every bead gets."""
    version = run(["git", "--version"], "git").removeprefix("git version").strip()
    with tempfile.TemporaryDirectory() as folder:
        who = ["-c", "user.name=check", "-c", "user.email=check@localhost"]
        for words in (
            ["init", "--quiet", "."],
            [*who, "commit", "--quiet", "--allow-empty", "--message=check"],
            ["worktree", "add", "--quiet", "tree"],
        ):
            run(["git", "-C", folder, *words], "git")
    return version


def tmux() -> str:
    """People look at a session through it."""
    version = run(["tmux", "-V"], "tmux").removeprefix("tmux").strip()
    with tempfile.TemporaryDirectory() as folder:
        base = ["tmux", "-S", f"{folder}/socket", "-f", "/dev/null"]
        run([*base, "new-session", "-d", "-s", "check", "sleep 60"], "tmux")
        run([*base, "kill-server"], "tmux")
    return version


def tini() -> str:
    """Pods start it by this path, whatever the image's entry point is."""
    if not os.access(TINI, os.X_OK):
        raise Broken(f"{TINI} is missing: install tini, or link it there")
    run([TINI, "-s", "--", "true"], "tini")
    return TINI


def orphans() -> str:
    """A process whose parent ended must be reaped by process 1, else a long session fills the pod."""
    shell = subprocess.run(  # the inner shell ends at once; who waits for it now is process 1
        ["sh", "-c", "(sh -c 'sleep 0.2; exit 0' >/dev/null 2>&1 & echo $!)"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    orphan = shell.stdout.strip()
    if not orphan.isdigit():
        raise Broken("sh cannot start a process in the background")
    until = time.monotonic() + REAP_SECONDS
    while Path("/proc", orphan).exists():
        if time.monotonic() > until:
            raise Broken('nobody reaps orphans: start the image by tini, ENTRYPOINT ["/usr/bin/tini", "--"]')
        time.sleep(0.05)
    return "reaped"


def signals() -> str:
    """A pod that is to end gets TERM, and must be able to hear it."""
    deaf = [number.name for number in SIGNALS if signal.getsignal(number) is signal.SIG_IGN]
    deaf += [number.name for number in SIGNALS if number in signal.pthread_sigmask(signal.SIG_BLOCK, [])]
    if deaf:
        raise Broken(f"{', '.join(deaf)} is ignored or blocked by what the entry point is: use tini alone")
    return "heard"


def certificates() -> str:
    """git and agents trust servers by them."""
    given = os.environ.get("SSL_CERT_FILE")
    for path in (given,) if given else AUTHORITIES:
        if os.path.isfile(path) and os.path.getsize(path):
            return path
    raise Broken("no certificates of authorities: install ca-certificates, or set SSL_CERT_FILE")


def utf8() -> str:
    """tmux and agents show and write more than ASCII."""
    try:
        locale.setlocale(locale.LC_CTYPE, "")
    except locale.Error as fault:
        raise Broken(f"LANG or LC_ALL names an unknown locale ({fault}): set LANG=C.UTF-8") from None
    charset = locale.nl_langinfo(locale.CODESET)
    if charset != "UTF-8":
        raise Broken(f"the locale's characters are {charset}: set LANG=C.UTF-8")
    return os.environ.get("LC_ALL") or os.environ.get("LANG") or charset


def agent(profile: str, command: str | None, folders: Sequence[Path]) -> str:
    """The program of the profile, or the given one, is there and can be started."""
    from ringmaster_cli.agents.process import cannot_start
    from ringmaster_cli.agents.profiles import ProfileError, load_profile

    try:
        known = load_profile(profile, folders=folders)
    except ProfileError as fault:
        raise Broken(str(fault)) from None
    program = command or next(iter(known.command), "")
    if not program:
        raise Broken(f"profile {profile} names no program: give the Worker's with --command")
    if why := cannot_start(program, cwd=Path.cwd(), search=os.environ.get("PATH", os.defpath)):
        raise Broken(f"{why}: {known.install}" if known.install and not command else why)
    if command:
        return f"{command} is there"
    return f"{program} {run([program, '--version'], program).strip().splitlines()[0]}"


def run(command: Sequence[str], what: str) -> str:
    """What a program prints. Raises Broken when it is missing, fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise Broken(f"{what} is missing: install it") from None
    except OSError as fault:
        raise Broken(f"{what} cannot be started: {fault.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Broken(f"{what} did not end within {SECONDS:g} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()[-1]
        raise Broken(f"{what} fails with {done.returncode}: {said}")
    return done.stdout
