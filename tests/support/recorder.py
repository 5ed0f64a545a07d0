"""Writes what comes on standard input as an asciicast (version 2). Started by tmux: FILE COLUMNS LINES.

The file is locked until all of it is there.
"""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import sys
import time


def main() -> None:
    file, columns, lines = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    began = time.monotonic()
    with open(file, "w", encoding="utf-8") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        out.write(json.dumps({"version": 2, "width": columns, "height": lines}) + "\n")
        while data := os.read(0, 65536):
            event = [round(time.monotonic() - began, 3), "o", decoder.decode(data)]
            out.write(json.dumps(event, ensure_ascii=False) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
