"""`hack/bench backup`: what a backup costs those who write meanwhile, and beside sqlite3 and gzip."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]

from ringmaster_operator.backups import gentle
from ringmaster_operator.history import History, NewEvent

WORDS = """test failed module the agent changed retry import error value expected branch merge a of to because
file line function returns passed commit review token""".split()  # noqa: SIM905
WRITERS = {"alone": None, "during a gzip backup": "gzip", "during a zstd backup": "zstd"}
WARM = 3.0
"""Seconds of writing that don't count: a disk that rested stalls the first of them, backup or not."""
PROGRAM = "from ringmaster_cli.main import run; run()"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="hack/bench backup", description=__doc__)
    parser.add_argument("--mb", type=int, default=1000, help="size of the database")
    parser.add_argument("--rate", type=int, default=500, help="writes per second while it is backed up")
    parser.add_argument("--seconds", type=float, default=15.0, help="of writing without a backup, to compare")
    parser.add_argument("--rounds", type=int, default=3, help="of writing alone and during each backup")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.write:
        asyncio.run(_write(*asked.write, rate=asked.rate))
        return
    with tempfile.TemporaryDirectory(prefix="ringmaster-bench-") as folder:
        _bench(Path(folder), asked)


def _bench(folder: Path, asked: argparse.Namespace) -> None:
    database = folder / "ringmaster.db"
    asyncio.run(_made(f"sqlite:///{database}"))
    _fill(database, asked.mb << 20, random.Random(asked.seed))
    size = database.stat().st_size
    print(f"{size / 1e6:.0f} MB, seed {asked.seed}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")

    began, cpu = time.monotonic(), _cpu()
    subprocess.run(["sqlite3", database, f".backup {folder}/plain.db"], check=True)
    copied = time.monotonic() - began
    subprocess.run(["gzip", "-6", folder / "plain.db"], check=True)
    total = time.monotonic() - began
    packed = (folder / "plain.db.gz").stat().st_size
    (folder / "plain.db.gz").unlink()
    print(
        f"sqlite3 .backup + gzip -6, unverified: {total:.1f} s (copying {copied:.1f}), "
        f"CPU {_cpu() - cpu:.1f} s, {packed / 1e6:.0f} MB"
    )
    for compression in ("gzip", "zstd"):
        cpu = _cpu()
        seconds, made = _backup(folder, database, compression)
        spent = _cpu() - cpu
        print(
            f"ringmaster backup, {compression}, verified: {seconds:.1f} s, CPU {spent:.1f} s, "
            f"{made / 1e6:.0f} MB"
        )

    rounds: dict[str, list[list[float]]] = {label: [] for label in WRITERS}
    for _ in range(asked.rounds):
        for label, meanwhile in WRITERS.items():
            rounds[label].append(_written(folder, database, asked, meanwhile))
    _compare(rounds, asked.rate)


def _cpu() -> float:
    """CPU seconds of all children so far: what else the machine does counts little in them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _compare(rounds: dict[str, list[list[float]]], rate: int) -> None:
    """Medians over the rounds; the spread is that of the p99."""
    base = 0.0
    for label, all_waits in rounds.items():
        failed = sum(wait < 0 for waits in all_waits for wait in waits)
        good = [sorted(wait * 1000 for wait in waits if wait >= 0) for waits in all_waits]
        p99s = sorted(waits[int(len(waits) * 0.99)] for waits in good)
        p99 = statistics.median(p99s)
        base = base or p99
        print(
            f"{rate} writes/s {label}: {sum(map(len, good))} committed, {failed} failed, "
            f"p50 {statistics.median(map(statistics.median, good)):.2f} ms, "
            f"p99 {p99:.2f} ms ({p99s[0]:.2f} to {p99s[-1]:.2f}), {p99 / base:.2f} times that alone, "
            f"max {max(waits[-1] for waits in good):.1f} ms"
        )


async def _made(url: str) -> None:
    await (await History.open(url)).close()


def _fill(database: Path, size: int, rng: random.Random) -> None:
    """Reports as agents write them: words and JSON."""
    db = driver.connect(str(database), isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    number = 0
    while database.stat().st_size < size:
        db.execute("BEGIN")
        for _ in range(2000):
            number += 1
            text = " ".join(rng.choices(WORDS, k=200)) + f" {rng.random()} {rng.getrandbits(256):x}"
            body = json.dumps({"summary": text[:200], "log": text, "position": number})
            names = (str(number), f"claim-{number}", f"uid-{number}", f"bead-{number}")
            db.execute(
                "INSERT INTO report (report_id, claim_id, bead_uid, bead, body, fence, namespace,"
                " received_at, applied, refused, refusal)"
                " VALUES (?, ?, ?, ?, ?, 1, 'bench', '2026-01-01', 1, 0, '')",
                (*names, body),
            )
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _backup(folder: Path, database: Path, compression: str) -> tuple[float, int]:
    """Seconds and bytes of one backup by the program."""
    words = [
        "backup",
        "run",
        "--mode",
        "manual",
        "--no-resources",
        "--compression",
        compression,
        "-o",
        "json",
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RINGMASTER_DATABASE_URL": f"sqlite:///{database}",
        "RINGMASTER_BACKUP_TARGET": str(folder / "backups"),
    }
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - began
    if done.returncode:
        sys.exit(done.stderr)
    made = json.loads(done.stdout)
    for part in made["parts"]:
        gentle.remove(folder / "backups" / part["name"])
    (folder / "backups" / f"{made['name']}.manifest.json").unlink()
    return seconds, sum(part["bytes"] for part in made["parts"])


def _written(folder: Path, database: Path, asked: argparse.Namespace, compression: str | None) -> list[float]:
    """Latencies in seconds, -1 for a failure, of an operator's history that writes meanwhile."""
    out, stop = folder / "waits.json", folder / "stop"
    stop.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "benchlib.backup",
        f"--rate={asked.rate}",
        "--write",
        str(database),
        str(out),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(WARM)
        if compression is None:
            time.sleep(asked.seconds)
        else:
            _backup(folder, database, compression)
        writer.communicate("stop\n")
    waits: list[float] = json.loads(out.read_text())
    return waits


async def _write(database: str, out: str, *, rate: int) -> None:
    history = await History.open(f"sqlite:///{database}")
    waits: list[tuple[float, float]] = []

    async def one(due: float, number: int) -> None:
        try:
            event = NewEvent(
                namespace="bench",
                kind="Bead",
                name=f"bead-{number}",
                uid=f"uid-{number}",
                type="Normal",
                reason="Bench",
                message="x" * 200,
                at=datetime.now(UTC),
            )
            await history.record_events(events=[event])
            waits.append((due, time.monotonic() - due))
        except Exception:
            waits.append((due, -1.0))

    stopped = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
    print("going", flush=True)
    start, number, tasks = time.monotonic(), 0, set[asyncio.Task[None]]()
    while not stopped.done():
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(one(due, number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
    await asyncio.gather(*tasks)
    await history.close()
    await asyncio.to_thread(
        Path(out).write_text, json.dumps([wait for due, wait in waits if due >= start + WARM])
    )


if __name__ == "__main__":
    main()
