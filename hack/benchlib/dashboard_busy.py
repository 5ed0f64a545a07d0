"""Takes a share of the processors and does nothing with it: what viewers are compared with."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time

PERIOD = 0.02


def spin(share: float, parent: int) -> None:
    """Compute for that share of every period, whenever there is a processor, as long as the parent lives."""
    while os.getppid() == parent:
        began, ends = time.monotonic(), time.thread_time() + share * PERIOD
        while time.thread_time() < ends:
            sum(range(500))
        time.sleep(max(0.0, began + PERIOD - time.monotonic()))


if __name__ == "__main__":
    cores = os.cpu_count() or 1
    each = min(1.0, float(sys.argv[1]) / cores)
    for _ in range(cores - 1):
        multiprocessing.Process(target=spin, args=(each, os.getpid())).start()
    spin(each, os.getppid())
