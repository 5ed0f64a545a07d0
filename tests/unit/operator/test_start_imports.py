"""What an operator loads at its start: not what only some settings need."""

from __future__ import annotations

import subprocess
import sys

SPARED = ("joserfc", "cryptography", "apprise", "obstore", "alembic", "psycopg", "rustworkx")


def test_what_only_some_need_is_not_loaded_at_the_start() -> None:
    code = "import sys, ringmaster_operator.starting; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {name.partition(".")[0] for name in loaded.split()} & set(SPARED)
