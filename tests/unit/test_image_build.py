"""hack/image apart from the building: what it builds with, from what, and when again."""

from __future__ import annotations

import configparser
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HACK = ROOT / "hack"
STAND_IN = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "{log}"
case "$*" in
    info*) {info};;
    *build*) test ! -e "{folder}/broken" || {{ echo "no space left on device" >&2; exit 1; }};;
    save*) echo image > "$3";;
esac
"""


@pytest.fixture(autouse=True)
def hack_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(HACK))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")) or name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(name)


def engines(folder: Path, monkeypatch: pytest.MonkeyPatch, **answers: bool) -> Path:
    """Engines on the PATH that write down how they are called; those that are False do not answer."""
    log = folder / "calls"
    log.touch()
    for name, answers_info in answers.items():
        program = folder / name
        info = "echo '{{}}'" if answers_info else "exit 1"
        program.write_text(STAND_IN.format(log=log, info=info.format(), folder=folder))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return log


def test_the_engine_that_works_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imagelib import engine
    from imagelib.run import ImageError

    engines(tmp_path, monkeypatch, docker=False, podman=True, buildah=True)
    assert engine.choose("auto").name == "podman"
    assert engine.choose("buildah").options[:2] == (
        "--root",
        f"{tmp_path}/cache/ringmaster/images/storage/root",
    )
    with pytest.raises(ImageError, match="docker is missing or its engine does not answer"):
        engine.choose("docker")
    engines(tmp_path, monkeypatch, docker=True)
    assert engine.choose("auto").name == "docker"


def test_without_any_engine_it_says_what_installs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagelib import engine
    from imagelib.run import ImageError

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="hack/setup --for test"):
        engine.choose("auto")


def test_how_the_index_is_reached_is_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imagelib import context

    home, ca = tmp_path / "home", tmp_path / "own-ca.pem"
    (home / ".config/pip").mkdir(parents=True)
    (home / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://files.example/50%/simple\ntrusted-host = a\nno-input = yes\n"
    )
    ca.write_text("an authority")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    monkeypatch.setenv("PIP_TRUSTED_HOST", "other.example")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://overridden.example")
    given = context.secrets(tmp_path)
    config = configparser.ConfigParser(interpolation=None)
    config.read(given["pip.conf"])
    assert dict(config["global"]) == {
        "index-url": "https://files.example/50%/simple",
        "trusted-host": "other.example",
        "cert": "/run/secrets/ca.pem",
    }
    assert given["ca.pem"].read_text() == "an authority"


def test_a_machine_with_nothing_special_gives_empty_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagelib import context

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(context, "SYSTEM_AUTHORITIES", str(tmp_path / "none"))
    given = context.secrets(tmp_path)
    assert given["ca.pem"].read_bytes() == b""
    assert "cert" not in given["pip.conf"].read_text()


def test_the_stamp_changes_with_what_goes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imagelib import context

    assert context.stamp("docker", "base") == context.stamp("docker", "base")
    assert context.stamp("docker", "base") != context.stamp("podman", "base")
    source = tmp_path / "cli"
    (source / "__pycache__").mkdir(parents=True)
    (source / "a.py").write_text("1")
    monkeypatch.setattr(context, "REPOSITORY", tmp_path)
    monkeypatch.setattr(context, "SOURCES", ("cli",))
    monkeypatch.setattr(context, "DATA", source)
    monkeypatch.setattr(context, "AGENT", source / "a.py")
    before = context.stamp()
    (source / "__pycache__" / "a.pyc").write_text("compiled")
    assert context.stamp() == before
    (source / "a.py").write_text("2")
    assert context.stamp() != before


def image(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(HACK / "image"), *words], capture_output=True, text=True, check=False)


def test_what_did_not_change_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = engines(tmp_path, monkeypatch, docker=True)
    program = tmp_path / "uv"
    program.write_text('#!/bin/sh\ncase "$*" in --version) echo uv 1;; *--wheel*) mkdir -p "$5";; esac\n')
    program.chmod(0o755)
    archive = tmp_path / "cache/ringmaster/images/worker.tar"
    first = image("build", "worker")
    assert (first.returncode, first.stdout) == (0, f"{archive}\n"), first.stderr
    calls = log.read_text()
    assert "--target worker --build-arg BASE=python:3.13-slim" in calls
    assert "--secret id=pip.conf,src=" in calls
    assert f"docker save --output {archive.parent}/.worker.tar localhost/ringmaster/worker:dev" in calls

    log.write_text("")
    copy = tmp_path / "copy.tar"
    assert image("build", "worker", "--archive", str(copy)).stdout == f"{copy}\n"
    assert copy.read_text() == "image\n"
    assert "build" not in log.read_text()
    image("build", "worker", "--base", "other:1")
    assert "BASE=other:1" in log.read_text()

    (tmp_path / "broken").touch()
    failed = image("build", "worker", "--base", "other:2")
    assert failed.returncode == 1
    assert "worker: image failed" in failed.stderr
    assert "no space left on device" in failed.stderr
    assert "Traceback" not in failed.stderr

    assert image("clean").returncode == 0
    assert [entry.name for entry in archive.parent.iterdir()] == ["lock"]


@pytest.mark.parametrize("words", [("build", "--archive", "x.tar"), ("build", "nothing"), ()])
def test_bad_usage_is_told(words: tuple[str, ...]) -> None:
    done = image(*words)
    assert done.returncode == 2
    assert "usage: hack/image" in done.stderr
