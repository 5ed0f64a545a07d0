"""Profiles: the shipped ones are whole, people's own are checked, and the prompt is never an argument."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringmaster_cli.agents.profiles import Profile, ProfileError, known_profiles, load_profile, parse_profile

SHIPPED = ["aider", "claude-code", "codex", "gemini", "generic", "goose", "opencode"]


def test_ships_the_agents_of_the_day() -> None:
    assert known_profiles() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_are_whole(name: str) -> None:
    profile = load_profile(name)
    assert profile.title
    assert profile.install
    assert profile.command or name == "generic"
    argv = profile.argv(prompt_file=Path("/p"), model="m-1", resume="s-1", command=["prog"], args=["--own"])
    assert argv[0] == "prog"
    assert "--own" in argv
    assert not any("{" in argument for argument in argv)
    assert ("m-1" in argv) == bool(profile.model_args)
    assert ("s-1" in argv) == bool(profile.resume_args)


def test_leaves_out_what_is_not_asked_for() -> None:
    argv = load_profile("codex").argv(prompt_file=Path("/p"))
    assert "--model" not in argv
    assert "resume" not in argv
    assert argv[0] == "codex"
    assert argv[-1] == "-"


def test_own_profiles_win_over_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "codex.toml").write_text('command = ["my-codex"]\nevents = "codex"\n')
    (tmp_path / "mine.toml").write_text(
        'command = ["mine"]\nprompt = "file"\nprompt_args = ["-f", "{prompt_file}"]\n'
    )
    assert load_profile("codex", folders=[tmp_path]).command == ["my-codex"]
    mine = load_profile("mine", folders=[tmp_path])
    assert mine.argv(prompt_file=Path("/p/1.md")) == ["mine", "-f", "/p/1.md"]
    assert "mine" in known_profiles(folders=[tmp_path, tmp_path / "none"])
    text = {"mine": 'command = ["from-a-config-map"]'}
    assert load_profile("mine", folders=[tmp_path], texts=text).command == ["from-a-config-map"]


def test_an_unknown_profile_is_told_with_the_known_ones() -> None:
    with pytest.raises(ProfileError) as fault:
        load_profile("claude")
    assert str(fault.value) == f"unknown agent profile 'claude'; known are: {', '.join(SHIPPED)}"


@pytest.mark.parametrize("name", ["../generic", "", "a/b", "generic.toml", "x\0y"])
def test_names_are_no_paths(name: str) -> None:
    with pytest.raises(ProfileError, match="unknown agent profile"):
        load_profile(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("command = ", "is not TOML"),
        ('comand = ["x"]', "comand: Extra inputs are not permitted"),
        ('command = "x"', "command: Input should be a valid list"),
        ('events = "telepathy"', "events: Input should be 'claude'"),
        ('name = "other"', "its name is 'other', it must be 'mine'"),
        ('model_args = ["{modell}"]', "model_args has an unknown placeholder {modell}"),
        ('args = ["{prompt}"]', "args has an unknown placeholder {prompt}"),
        ('prompt = "file"', 'prompt_args name {prompt_file} if, and only if, prompt = "file"'),
        ('prompt_args = ["{prompt_file}"]', "prompt_args name {prompt_file} if, and only if"),
        ('prompt = "argv"', "prompt: Input should be 'stdin' or 'file'"),
        ('[env]\n"A=B" = "x"', "env"),
    ],
)
def test_faults_are_named(text: str, message: str) -> None:
    with pytest.raises(ProfileError) as fault:
        parse_profile(text, name="mine")
    assert message in str(fault.value)
    assert "mine" in str(fault.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match=r"mine\.toml cannot be read"):
        load_profile("mine", folders=[tmp_path])


def test_a_profile_without_program_needs_a_command() -> None:
    with pytest.raises(ProfileError, match=r"set spec\.agent\.command"):
        load_profile("generic").argv(prompt_file=Path("/p"))


def test_braces_of_other_arguments_are_left_alone() -> None:
    profile = Profile(name="mine", command=["mine"], model_args=["--model={model}"])
    argv = profile.argv(prompt_file=Path("/p"), model="{session}", args=["{model}"])
    assert argv == ["mine", "--model={session}", "{model}"]
