"""Write standard input to a log of bounded size: `python -I -S logpipe.py FILE BYTES GENERATIONS`.

tmux pipes a pane's output into it. It rotates by itself, so that a program gone wild fills no disk even
while no operator runs, and ends when the pane does. Runs alone: imports nothing of Ringmaster.
"""

import os
import sys

CHUNK = 65536


def rotate(path: str, generations: int) -> None:
    for number in range(generations - 1, 0, -1):
        older = path if number == 1 else f"{path}.{number - 1}"
        if os.path.exists(older):
            os.replace(older, f"{path}.{number}")


def main(path: str, limit: int, generations: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    out = os.open(path, flags, 0o600)
    size = os.fstat(out).st_size
    while data := os.read(0, CHUNK):
        if size and size + len(data) > limit:
            os.close(out)
            rotate(path, generations)
            out = os.open(path, flags | os.O_TRUNC, 0o600)
            size = 0
        try:
            size += os.write(out, data)
        except OSError:
            continue  # a full disk costs log lines, never the session


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
