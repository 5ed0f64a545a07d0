"""Agent profiles: how each agent program is run headless, as data.

A profile is one TOML file, so that a new agent needs no release: the shipped ones lie beside this module,
people's own in folders (or as text from a ConfigMap) and win over a shipped one of the same name.
The prompt reaches the program by standard input or by a file, never by its arguments: those are visible to
every user of the machine, and bounded in length.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

Argument = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class ProfileError(Exception):
    """A profile is unknown or not well-formed; the message says which, and what is known."""


class Events(StrEnum):
    """The readers of event streams that a profile may name."""

    CLAUDE = "claude"
    CODEX = "codex"
    GEMINI = "gemini"
    OPENCODE = "opencode"
    AIDER = "aider"
    GOOSE = "goose"
    TEXT = "text"


class PromptBy(StrEnum):
    """How the prompt reaches the program."""

    STDIN = "stdin"
    FILE = "file"


class Profile(BaseModel):
    """One way to run an agent program without a person."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    """The file's name without .toml, and what a Worker's spec.agent.profile says."""
    title: Annotated[str, StringConstraints(max_length=128)] = ""
    """The product's name, for people."""
    command: Annotated[list[Argument], Field(max_length=50)] = Field(default_factory=list)
    """The program and what always comes first; empty when each Worker gives its own."""
    args: Annotated[list[Argument], Field(max_length=50)] = Field(default_factory=list)
    """Arguments of a headless run."""
    model_args: Annotated[list[Argument], Field(max_length=10)] = Field(default_factory=list)
    """Arguments that choose a model: {model}. Left out when no model is asked for."""
    resume_args: Annotated[list[Argument], Field(max_length=20)] = Field(default_factory=list)
    """Arguments that go on with an earlier conversation: {session}."""
    prompt: PromptBy = PromptBy.STDIN
    """stdin: the prompt file is the program's standard input. file: its path is given by prompt_args."""
    prompt_args: Annotated[list[Argument], Field(max_length=10)] = Field(default_factory=list)
    """Arguments that say where the prompt is: {prompt_file} with prompt = "file"."""
    env: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = Field(
        default_factory=dict
    )
    """Environment defaults (telemetry and updates off); the Worker's environment wins."""
    events: Events = Events.TEXT
    """Which reader understands what the program prints."""
    provider: Annotated[str, StringConstraints(max_length=64)] = ""
    """Whose prices count when the stream doesn't say: anthropic, openai, google ..."""
    install: Annotated[str, StringConstraints(max_length=512)] = ""
    """What to tell a person whose machine lacks the program."""

    @model_validator(mode="after")
    def _placeholders(self) -> Self:
        allowed = {"model_args": {"model"}, "resume_args": {"session"}, "prompt_args": {"prompt_file"}}
        for field in ("command", "args", "model_args", "resume_args", "prompt_args"):
            known = allowed.get(field, set())
            for argument in getattr(self, field):
                if strange := set(PLACEHOLDER.findall(argument)) - known:
                    raise ValueError(f"{field} has an unknown placeholder {{{strange.pop()}}}")
        given = any("{prompt_file}" in argument for argument in self.prompt_args)
        if given != (self.prompt is PromptBy.FILE):
            raise ValueError('prompt_args name {prompt_file} if, and only if, prompt = "file"')
        return self

    def argv(
        self,
        *,
        prompt_file: Path,
        model: str | None = None,
        resume: str | None = None,
        command: Sequence[str] = (),
        args: Sequence[str] = (),
    ) -> list[str]:
        """The arguments of one run; command replaces the profile's own, args come before the prompt."""
        line = list(command or self.command)
        if not line:
            raise ProfileError(
                f"profile {self.name} names no program: set spec.agent.command of the Worker to one"
            )
        line += self.args
        if model:
            line += _fill(self.model_args, model=model)
        line += args
        if resume:
            line += _fill(self.resume_args, session=resume)
        return line + _fill(self.prompt_args, prompt_file=str(prompt_file))


def _fill(arguments: Sequence[str], **values: str) -> list[str]:
    return [PLACEHOLDER.sub(lambda match: values[match[1]], argument) for argument in arguments]


def parse_profile(text: str, *, name: str, source: str = "") -> Profile:
    """Read a profile from TOML text; source is where it came from, for the message of ProfileError."""
    where = source or f"profile {name}"
    try:
        data: dict[str, Any] = tomllib.loads(text)
        if data.setdefault("name", name) != name:
            raise ProfileError(f"{where}: its name is {data['name']!r}, it must be {name!r} as its file is")
        return Profile.model_validate(data)
    except tomllib.TOMLDecodeError as fault:
        raise ProfileError(f"{where} is not TOML: {fault}") from None
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ProfileError(f"{where}: {field + ': ' if field else ''}{first['msg']}") from None


def known_profiles(*, folders: Sequence[Path] = (), texts: Mapping[str, str] | None = None) -> list[str]:
    """Names of all profiles that load_profile finds, sorted."""
    shipped = (entry.name for entry in resources.files(__package__).iterdir())
    own = (entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir())
    names = {name.removesuffix(".toml") for name in (*shipped, *own) if name.endswith(".toml")}
    return sorted(names | set(texts or ()))


def load_profile(
    name: str, *, folders: Sequence[Path] = (), texts: Mapping[str, str] | None = None
) -> Profile:
    """The profile of that name: from texts (name to TOML), else the first folder that has it, else shipped.

    Raises ProfileError, which lists the known names when this one is not among them.
    """
    known = known_profiles(folders=folders, texts=texts)
    if name not in known:
        raise ProfileError(f"unknown agent profile {name!r}; known are: {', '.join(known)}")
    if texts and name in texts:
        return parse_profile(texts[name], name=name)
    for folder in folders:
        path = folder / f"{name}.toml"
        if path.is_file():
            return parse_profile(_text(path), name=name, source=str(path))
    shipped = resources.files(__package__) / f"{name}.toml"
    return parse_profile(shipped.read_text(encoding="utf-8"), name=name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise ProfileError(f"{path} cannot be read: {fault}") from None
