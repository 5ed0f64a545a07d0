"""The whole API as it is wired, without anything behind it: for its document."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "hack"))

from docslib.api import surface as app

__all__ = ["app"]
