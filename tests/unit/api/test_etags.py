"""ETags: what a call may rest on."""

from __future__ import annotations

import pytest

from ringmaster_operator.api import etags
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import ProblemCode

FOUND = Bead.read({"metadata": {"name": "job", "resourceVersion": "7"}, "spec": {"title": "Job"}})


@pytest.mark.parametrize("given", [None, "*", " * ", '"7"', '"6", "7"', '"6","7" '])
def test_the_version_that_there_is_may_be_changed(given: str | None) -> None:
    etags.check(FOUND, given)


@pytest.mark.parametrize("given", ['"6"', "7", 'W/"7"', "", '"*"', '"77"', '"6", W/"7"', '"7'])
def test_any_other_may_not(given: str) -> None:
    """A weak tag says nothing of every byte: RFC 9110 lets it match nothing here."""
    with pytest.raises(Refused) as refused:
        etags.check(FOUND, given)
    assert refused.value.code is ProblemCode.PRECONDITION_FAILED
    assert '"7"' in str(refused.value)


def test_some_calls_cannot_do_without() -> None:
    assert etags.needed("*") == "*"
    with pytest.raises(Refused) as refused:
        etags.needed(None)
    assert refused.value.code is ProblemCode.PRECONDITION_REQUIRED


@pytest.mark.parametrize(
    ("given", "status"), [(None, 200), ('"7"', 304), ('W/"7"', 304), ('"6"', 200), ("*", 304), ("x", 200)]
)
def test_what_the_caller_has_already_is_not_sent_again(given: str | None, status: int) -> None:
    answer = etags.answer(FOUND, if_none_match=given)
    assert (answer.status_code, answer.headers["ETag"]) == (status, '"7"')
    assert (answer.body == b"") is (status == 304)
