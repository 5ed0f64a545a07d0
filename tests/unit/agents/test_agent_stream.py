"""Output of any size, in bounded memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.agents.stream import HEAD, Line, Lines, Transcript
from ringmaster_cli.agents.terminal import one_line, plain


@given(
    data=st.binary(max_size=300).map(lambda raw: raw.replace(b"a", b"\n")), cuts=st.lists(st.integers(0, 300))
)
def test_lines_do_not_depend_on_the_chunks(data: bytes, cuts: list[int]) -> None:
    lines, found, start = Lines(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        found += list(lines.feed(data[start:cut]))
        start = max(start, cut)
    found += list(lines.close())
    whole = data.split(b"\n")
    assert [line.raw for line in found] == (whole if whole[-1] else whole[:-1])
    assert not any(line.cut for line in found)
    assert all(isinstance(line.text, str) for line in found)


def test_a_huge_line_is_cut_to_its_head() -> None:
    lines = Lines(max_line=100_000)
    tracemalloc.start()
    found: list[Line] = []
    for _ in range(500):
        found += list(lines.feed(b"x" * 100_000))
    found += list(lines.feed(b"\nnext\n"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(line.size, len(line.raw), line.cut) for line in found] == [
        (50_000_000, HEAD, True),
        (4, 4, False),
    ]
    assert peak < 2_000_000


def test_a_line_of_many_pieces_is_cut_at_the_same_place() -> None:
    lines = Lines(max_line=100_000)
    for number in range(200_000):
        assert list(lines.feed(b"%d" % (number % 10))) == []
    (line,) = lines.close()
    assert line.size == 200_000
    assert line.raw == (b"0123456789" * (HEAD // 10 + 1))[: len(line.raw)]
    assert HEAD <= len(line.raw) <= HEAD + 1


def test_the_transcript_keeps_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "1.log"
    with Transcript(path, head=50, tail=50) as transcript:
        for number in range(100):
            raw = b"line %d" % number
            transcript.write(Line(raw, len(raw)))
    text = path.read_text()
    assert text.startswith("line 0\nline 1\n")
    assert text.endswith("line 98\nline 99\n")
    assert "[ringmaster: 693 bytes left out here]\n" in text
    assert len(text) < 200
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_short_transcript_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    with Transcript(path) as transcript:
        transcript.write(Line(b"\xff\x00", 2))
        transcript.write(Line(b"head", 10_000))
    assert path.read_bytes() == b"\xff\x00\nhead [10000 bytes in all]\n"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGk=", ""),
        ("a\x00b\rc\x9bd", "a\ufffdb\ufffdc\ufffdd"),
        ("abc\u202etxt.exe", "abc\ufffdtxt.exe"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("héé 🙂", "héé 🙂"),
    ],
)
def test_nothing_steers_the_terminal(raw: str, shown: str) -> None:
    assert plain(raw) == shown


@given(st.text(), st.integers(2, 50))
def test_one_line_is_one_line(text: str, width: int) -> None:
    line = one_line(text, width)
    assert len(line) <= width
    assert line.splitlines() in ([line], [])
    assert "\x1b" not in line
