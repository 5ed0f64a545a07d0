"""What the operator tells Python about looking for cycles."""

from __future__ import annotations

import gc
import subprocess
import sys

CODE = """
import gc, weakref
from ringmaster_operator import garbage

class Node:
    pass

def cycle():
    one = Node()
    one.self = one
    return weakref.ref(one)

garbage.starting()
kept = [Node() for _ in range(1000)]
garbage.settled()
frozen = gc.get_freeze_count()
lost = cycle()
made = [Node() for _ in range(garbage.SERVING[0] * 3)]
print(frozen >= 1000, lost() is None, gc.isenabled())
"""


def test_what_stays_is_left_out_and_later_cycles_are_found() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]
    assert gc.get_freeze_count() == 0
