"""What lessons are searched by."""

from __future__ import annotations

import pytest

from ringmaster_operator.claims.memory import paths_in


def test_paths_are_found_in_what_a_bead_says() -> None:
    text = "See src/app/main.py, /etc/motd and README.md. Not this; e.g. https://host/a.b/c"
    assert list(paths_in(text)) == ["src/app/main.py", "etc/motd", "README.md", "e.g", "host/a.b/c"]


@pytest.mark.timeout(20)  # minutes where the time grows with the square of the text
def test_a_description_without_an_end_keeps_nobody_waiting() -> None:
    for piece in ("x", ".", "a.", "/", "a/", "-"):
        assert list(paths_in(piece * 65_536)) == []
