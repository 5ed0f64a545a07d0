"""The merge patch between two statuses, checked against RFC 7396 applied."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.statuses import difference

# Every drawn key is another one: dictionaries of few sampled keys would throw most of what is drawn away.
leaves = st.booleans() | st.integers() | st.text(max_size=3)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.fixed_dictionaries({}, optional=dict.fromkeys("abc", inner))
    ),
    max_leaves=8,
)
objects = st.fixed_dictionaries({}, optional=dict.fromkeys("abcd", values))


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, as it stands there."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@given(objects, objects)
def test_the_patch_turns_the_old_into_the_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merged(old, difference(old, new)) == new


@given(objects)
def test_equal_statuses_need_no_patch(same: dict[str, Any]) -> None:
    assert difference(same, same) == {}
