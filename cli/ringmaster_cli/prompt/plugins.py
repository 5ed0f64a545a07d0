"""Prompt sources of others, by entry point `ringmaster.prompt_sources`. A faulty one never breaks a prompt.

An entry point names an object (or a class without arguments) with
    name        a word of its own, such as "tickets"
    gather      called with the Material, gives pairs (origin, text), or triples with a relevance of 0 to 1
and, where it likes, title (a heading), tokens (its budget) and relevance. What it gives is data: it is fenced
like every other text of strangers.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Collection, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ringmaster_cli.prompt.model import Material, Piece, Source
from ringmaster_cli.prompt.text import attribute, data

GROUP = "ringmaster.prompt_sources"
NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
SECONDS = 10.0
"""A source that takes longer is left out."""
TOKENS = 2_000
RELEVANCE = 0.3
MOST_PIECES = 100
MOST_CHARACTERS = 400_000


def plugged_in(taken: Collection[str]) -> tuple[list[Source], list[str]]:
    """The sources that other packages bring, by name, and what is wrong with those that cannot be used."""
    found: dict[str, Source] = {}
    faults: list[str] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            source = _source(point)
            if source.name in taken or source.name in found:
                raise ValueError(f"the name {source.name} is taken")
            found[source.name] = source
        except Exception as fault:  # other people's code may raise anything
            faults.append(f"plug-in {point.name} ({point.value}) is left out: {_words(fault)}")
    return [found[name] for name in sorted(found)], faults


def _source(point: EntryPoint) -> Source:
    plugin: Any = bounded(point.load)
    if isinstance(plugin, type):
        plugin = bounded(plugin)
    name, tokens = getattr(plugin, "name", None), getattr(plugin, "tokens", TOKENS)
    relevance = getattr(plugin, "relevance", RELEVANCE)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"its name {name!r} is not a word of letters, digits and -")
    if not callable(getattr(plugin, "gather", None)):
        raise ValueError("it has no method gather")
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 1:
        raise ValueError(f"its tokens {tokens!r} are not a number of at least 1")
    if isinstance(relevance, bool) or not isinstance(relevance, int | float) or not 0 <= relevance <= 1:
        raise ValueError(f"its relevance {relevance!r} is not a number from 0 to 1")
    title = attribute(str(getattr(plugin, "title", name)))[:200] or name

    def gather(material: Material) -> Iterable[Piece]:
        try:
            found: list[Piece] = bounded(lambda: [_piece(item) for item in _few(plugin.gather(material))])
            return found
        except Exception as fault:  # the same: its fault is told, and the prompt goes on without it
            return [Piece(origin=point.value, left_out_reason=f"it failed: {_words(fault)}")]

    return Source(
        name=name, head=f"# {title}\n", tokens=tokens, relevance=float(relevance), gather=gather, known=True
    )


def _few(items: Iterable[Any]) -> Iterable[Any]:
    for number, item in enumerate(items):
        if number == MOST_PIECES:
            raise ValueError(f"it gives more than {MOST_PIECES} pieces")
        yield item


def _piece(item: Any) -> Piece:
    origin, text, *rest = item
    relevance = rest[0] if rest else 1.0
    if not isinstance(origin, str) or not isinstance(text, str):
        raise TypeError("a piece is (origin, text) or (origin, text, relevance)")
    if not 0 <= float(relevance) <= 1:
        raise ValueError(f"relevance {relevance!r} is not a number from 0 to 1")
    whole = text[:MOST_CHARACTERS]
    origin = attribute(origin)[:200]
    return Piece(
        origin=origin, text=data(whole, origin), relevance=float(relevance), shortened=len(text) > len(whole)
    )


def bounded(run: Any) -> Any:
    """What run() gives, within SECONDS; its output goes to stderr. Raises what it raises, or TimeoutError."""
    box: dict[str, Any] = {}

    def work() -> None:
        try:
            box["value"] = run()
        except BaseException as fault:  # SystemExit is a fault of the plug-in, too
            box["fault"] = fault

    thread = threading.Thread(target=work, daemon=True)
    with contextlib.redirect_stdout(sys.stderr):
        thread.start()
        thread.join(SECONDS)
    if thread.is_alive():
        raise TimeoutError(f"it took longer than {SECONDS:g} s")
    if "fault" in box:
        fault = box["fault"]
        raise fault if isinstance(fault, Exception) else RuntimeError(f"it ended with {fault!r}")
    return box["value"]


def _words(fault: BaseException) -> str:
    return attribute(f"{type(fault).__name__}: {fault}")[:300]
