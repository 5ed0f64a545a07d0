"""The machine that a node is made of: the first process of namespaces of its own, and the one door into them.

Its end takes everything with it that runs or is mounted inside: parts, containers, the network, whatever
happened to the programs that were to clean up. The network has no way out and none from this machine into
it, but for a socket that was opened before: what comes to it is handed to the API server inside.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from kubecluster import namespaces
from kubecluster.files import HERE, cache_dir

NODE_ADDRESS, SERVICES = "172.31.255.1", "10.96.0.0/16"
#: The machine has these folders, and /run, for itself: two machines share no container files, and leave none.
KEPT_FOLDERS = ("/var/lib", "/var/log")
#: kubelet sets these for the whole kernel. It gets files that nobody else reads in their place.
KERNEL_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def main() -> None:
    """Runs as the first process inside: `machine FOLDER SOCKET PORT`."""
    folder, listener, port = Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3])
    _mount(folder)
    _connect()
    asyncio.run(_serve(folder, listener, port))


def _mount(folder: Path) -> None:
    namespaces.mount("", Path("/"), flags=namespaces.SLAVE | namespaces.RECURSIVE)  # nothing goes outside
    namespaces.mount("", Path("/"), flags=namespaces.SHARED | namespaces.RECURSIVE)  # pods' mounts go on
    needed = {path.resolve(): os.open(path, os.O_PATH) for path in (folder, cache_dir(), HERE)}
    namespaces.mount("tmpfs", Path("/run"), kind="tmpfs")
    for kept in KEPT_FOLDERS:
        source = folder / "node-files" / kept.strip("/").replace("/", "-")
        source.mkdir(parents=True, exist_ok=True)
        namespaces.mount(str(source), Path(kept), flags=namespaces.BIND)
    for path, handle in needed.items():
        if any(path.is_relative_to(own) for own in ("/run", *KEPT_FOLDERS)):
            path.mkdir(parents=True, exist_ok=True)
            namespaces.mount(f"/proc/self/fd/{handle}", path, flags=namespaces.BIND | namespaces.RECURSIVE)
        os.close(handle)
    namespaces.mount("proc", Path("/proc"), kind="proc")
    for name in KERNEL_SETTINGS:
        setting, stand_in = Path("/proc/sys", name), Path("/run/kernel", name)
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text(setting.read_text())
        namespaces.mount(str(stand_in), setting, flags=namespaces.BIND)


def _connect() -> None:
    for command in (
        "link set lo up",
        "link add node type bridge",  # for its address alone: pods are routed
        f"address add {NODE_ADDRESS}/32 dev node",
        "link set node up",
        f"route add {SERVICES} dev node",  # else the kernel gives up before it looks where a Service leads
    ):
        subprocess.run(["ip", *command.split()], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


async def _serve(folder: Path, listener: socket.socket, port: int) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGCHLD, _reap)

    async def hand_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # the API server is down
            writer.transport.abort()
            return
        await asyncio.gather(_copy(reader, requests), _copy(answers, writer))

    server = await asyncio.start_server(hand_over, sock=listener)
    (folder / "machine.ready").touch()
    await server.serve_forever()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    except OSError:
        pass  # either side has gone: so does the other
    finally:
        target.close()


def _reap() -> None:
    """What lost its parent becomes a child of the first process."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return
