"""The page on the prompt says of each source what the source says of itself."""

from __future__ import annotations

from ringmaster_cli.prompt.sources import SOURCES
from ringmaster_operator.resources.prompt import ALWAYS
from support.docs import table


def test_the_table_of_sources_is_that_of_the_code() -> None:
    shown = {name: (tokens, relevance) for name, _, tokens, relevance in table("prompt.md", "source")}
    wanted = {
        source.name: (
            f"{source.tokens}, {source.each} each" if source.each else str(source.tokens),
            "always" if source.fixed else f"{source.relevance:g}" if source.relevance < 1 else "1.0",
        )
        for source in SOURCES
    }
    assert shown == wanted
    assert list(shown) == [source.name for source in SOURCES]


def test_what_is_fixed_has_no_off_switch() -> None:
    assert {source.name for source in SOURCES if source.fixed} <= set(ALWAYS)
    assert set(ALWAYS) <= {source.name for source in SOURCES}
