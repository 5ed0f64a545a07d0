"""`hack/demo`."""

from __future__ import annotations

import sys

from demolib.cli import main

sys.exit(main(sys.argv[1:]))
