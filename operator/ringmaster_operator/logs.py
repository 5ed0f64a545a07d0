"""Log lines: readable ones for terminals, JSON ones for collectors. Never prompts, never tokens."""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

HUMAN = "%(asctime)s %(levelname)-7s %(message)s"
QUIET = ("kopf", "aiohttp", "uvicorn", "asyncio", "alembic", "sqlalchemy")


def configure(*, style: str, level: str) -> None:
    """Set up the root logger; libraries speak from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        handler.setFormatter(
            JsonFormatter(
                "%(asctime)s %(levelname)s %(name)s %(message)s",
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            )
        )
    else:
        handler.setFormatter(logging.Formatter(HUMAN, "%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # kopf reports every retry of every watch while the API server is away; the supervisor says it once.
    logging.getLogger("kopf._cogs.clients").setLevel(logging.CRITICAL)
    # ... and that it runs in a thread is meant so.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
