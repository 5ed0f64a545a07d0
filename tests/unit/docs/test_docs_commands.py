"""Every command and flag that the docs show is there."""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from ringmaster_cli.main import app as worker_app
from ringmaster_cli.people.kubectl import dress
from ringmaster_operator.main import app as operator_app
from support.docs import PAGES, ROOT, Block, blocks, prose

APPS = {"ringmaster": worker_app, "ringmaster-operator": operator_app}
ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")
WITHOUT_HELP = ("hack/agents", "hack/scripted-agent")
SHELL = frozenset(
    {"bd", "eval", "export", "gh", "git", "kubectl", "podman", "ringmaster", "ringmaster-operator", "sqlite3"}
    | {"curl", "journalctl", "systemctl", "time"}
)


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of a shell block, each as words; what eval and time run counts as well."""
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        while words and (ASSIGNMENT.fullmatch(words[0]) or words[0] == "time"):
            words = words[1:]
        if words[:1] == ["eval"]:
            words = shlex.split(words[1].removeprefix("$(").removesuffix(")"))
        if words:
            yield [words[0].removeprefix(".venv/bin/"), *words[1:]]


SHOWN = [(str(block), words) for block in blocks("sh") for words in commands(block)]
INLINE = [
    (page.name, shlex.split(match))
    for page in PAGES
    if page.name != "cli.md"  # made of the programs themselves
    for match in re.findall(r"`((?:ringmaster(?:-operator)?|hack/[a-z]+) [^`]+)`", prose(page))
]
OURS = [(where, words) for where, words in SHOWN + INLINE if words[0] in APPS]
HACK = [(where, words) for where, words in SHOWN + INLINE if words[0].startswith("hack/")]


def test_the_docs_show_commands() -> None:
    assert len(OURS) > 20
    assert len(HACK) > 15


@pytest.mark.parametrize(("where", "words"), SHOWN, ids=str)
def test_a_shown_program_is_one_that_the_reader_has(where: str, words: list[str]) -> None:
    program = words[0]
    known = program in SHELL or os.access(ROOT / program, os.X_OK) or program == "pytest"
    assert known, f"{where}: {program}"


@pytest.mark.parametrize(("where", "words"), OURS, ids=str)
def test_shown_options_of_our_programs_exist(where: str, words: list[str]) -> None:
    command = program_of(words[0])
    rest = words[1:]
    while hasattr(command, "commands") and not does_something(command, rest):
        assert rest, f"{where}: {words} names no command"
        command.list_commands(typer.Context(command))  # brings in what comes by entry point
        assert rest[0] in command.commands, f"{where}: there is no {rest[0]} in {words}"
        command, rest = command.commands[rest[0]], rest[1:]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    for flag in flags(rest):
        assert flag in known | {"--help", "-h"}, f"{where}: {' '.join(words)} has no {flag}"


@functools.cache
def program_of(name: str) -> Any:
    return dress(typer.main.get_command(APPS[name]))


def does_something(group: Any, rest: list[str]) -> bool:
    """Whether a group is called by itself, as some can be."""
    return bool(group.invoke_without_command) and (not rest or rest[0].startswith("-"))


@pytest.mark.parametrize(("where", "words"), HACK, ids=str)
def test_shown_options_of_hack_exist(where: str, words: list[str]) -> None:
    program, rest = words[0], words[1:]
    assert os.access(ROOT / program, os.X_OK), f"{where}: {program} is not there"
    asked = [program]
    if program in ("hack/bench", "hack/cluster") and rest and not rest[0].startswith("-"):
        asked.append(rest[0])
    if program in WITHOUT_HELP:
        assert not list(flags(rest)), f"{where}: {program} takes no options"
        return
    help_text = help_of(*asked)
    for flag in flags(rest):
        assert re.search(rf"(?<![\w-]){flag}(?![\w-])", help_text), f"{where}: {program} has no {flag}"


def flags(words: list[str]) -> Iterator[str]:
    """The options among the words; what follows -- is another program's."""
    for word in words:
        if word == "--":
            return
        if re.fullmatch(r"--?[a-zA-Z][\w-]*(=.*)?", word):
            yield word.partition("=")[0]


@functools.cache
def help_of(*command: str) -> str:
    """What a program of hack/ says to --help; it must know it, and its subcommand."""
    done = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} --help: {done.stderr}"
    return done.stdout
