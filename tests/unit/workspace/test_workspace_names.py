"""Branches, folders and addresses: what git and the file system take, and what they must never be given."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.workspace import WorkspaceError, branch_name
from ringmaster_cli.workspace.names import check_ref, check_url, folder_name, mirror_name, short
from ringmaster_operator.resources.bead import Reason

LABEL = st.text("abcxyz0189-.", min_size=1, max_size=253)


def test_a_name_of_usual_length_stays_readable() -> None:
    assert branch_name("fix-parser.v2") == "ringmaster/fix-parser.v2"


def test_two_names_of_253_characters_get_two_branches_that_fit_in_a_file_name() -> None:
    one, two = branch_name("a" * 252 + "b"), branch_name("a" * 252 + "c")
    assert one != two
    assert max(len(one), len(two)) + len(".lock") < 255


@given(LABEL)
def test_every_name_makes_a_branch_that_git_takes(name: str) -> None:
    branch = branch_name(name)
    subprocess.run(["git", "check-ref-format", "--branch", branch], check=True, capture_output=True)
    assert len(branch.split("/")[1].encode()) <= 200


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_different_texts_never_share_a_file_name(one: str, two: str) -> None:
    assert (short(one, 80) == short(two, 80)) == (one == two)
    assert 0 < len(short(one, 80).encode()) <= 80


def test_every_session_has_a_folder_of_its_own() -> None:
    def name(session: str, uid: str = "u") -> str:
        return folder_name(namespace="n", bead="b" * 253, attempt=1, session=session, uid=uid)

    assert len({name("w-0"), name("w-1"), name("w-0", uid="v")}) == 3
    assert len(name("s" * 253)) < 200


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a/b.git", "http://example.org/x", "ssh://git@example.org:22/a", "git://example.org/a",
        "git@example.org:team/project.git", "example.org:project", "/srv/git/a.git", "file:///srv/git/a.git",
    ],
)  # fmt: skip
def test_addresses_that_people_use_pass_unchanged(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch /x", "-u", "ext::sh -c id", "ext::sh", "fd::17/foo", "ftp://example.org/a",
        "ssh://-oProxyCommand=id/x", "-oProxyCommand=id:x", "user@-oProxyCommand=id:x", "a b",
        "relative/path", "https://example.org/a\nb", "", "../up", "transport::address", "javascript://x",
    ],
)  # fmt: skip
def test_addresses_that_git_could_run_or_misread_are_refused(url: str) -> None:
    with pytest.raises(WorkspaceError, match=r"repository\.url") as caught:
        check_url(url)
    assert caught.value.reason is Reason.REPOSITORY


@pytest.mark.parametrize(
    "ref", ["--output=x", "-b", "a..b", "x@{1}", "a.lock", "a//b", "", "a b", "HEAD:file", "^a", "a~1"]
)
def test_refs_that_git_would_read_as_something_else_are_refused(ref: str) -> None:
    with pytest.raises(WorkspaceError, match=r"repository\.ref"):
        check_ref(ref)


def test_passwords_in_an_address_never_reach_a_name_or_a_message() -> None:
    assert "hunter2" not in mirror_name("https://me:hunter2@example.org/project.git")
    assert "hunter2" not in mirror_name("https://me:hunter2@example.org")
    with pytest.raises(WorkspaceError) as caught:
        check_url("ftp://me:hunter2@example.org/project.git")
    assert "hunter2" not in caught.value.message
