"""Answers to the smoke test's questions: what is right passes, and what is wrong is named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.errors import SmokeTestFailed
from lambdas.probes import check_golden, check_states, states


@pytest.mark.parametrize(
    ("action", "wanted", "same"),
    [
        (1, 1, True),
        (1, 2, False),
        (1.0, 1, True),
        (True, 1, False),
        ("1", 1, False),
        (None, 1.0, False),
        (0.50001, 0.5, True),
        (0.501, 0.5, False),
        (float("nan"), 0.5, False),
        ([0.5, -1.0], [0.5, -1.0], True),
        ([0.5], [0.5, -1.0], False),
        ([0.5, 1.0], [0.5, -1.0], False),
        (0.5, [0.5], False),
    ],
)
def test_actions_are_compared_by_their_kind(action: object, wanted: object, same: bool) -> None:
    if same:
        assert check_golden({"actions": [action]}, [wanted]) == [action]
    else:
        with pytest.raises(SmokeTestFailed, match="golden observation 0 was answered with"):
            check_golden({"actions": [action]}, [wanted])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"actions": [2, 2, 2.5]}, r"actions\[2\] is 2.5, not a whole number"),
        ({"actions": [2, 2, float("nan")]}, r"actions\[2\] is NaN, not a whole number"),
        ({"desired": [5, 23, None]}, r"desired\[2\] is null, not a whole number"),
        ({"desired": [True, 23, 203]}, r"desired\[0\] is true, not a whole number"),
        ({"desired": [5, 23]}, "desired is .*, not a list of 3"),
        ({"desired": [0, 23, 203]}, r"desired\[0\] is 0, not within 1 and inf"),
        ({"desired": [5, 23, 261]}, r"desired\[2\] is 261, not within 1 and 260"),
        ({"actions": [2, 3, 2]}, r"actions\[1\] is 3, though desired is 23 and 21 machines are th"),
    ],
)
def test_a_wrong_decision_is_named(change: dict[str, Any], message: str) -> None:
    answer = {"actions": [2, 2, 2], "desired": [5, 23, 203]}
    assert [choice.desired for choice in check_states(answer, states())] == [5, 23, 203]
    with pytest.raises(SmokeTestFailed, match=message):
        check_states(answer | change, states())


@given(
    st.dictionaries(st.sampled_from(["actions", "desired"]), st.lists(st.integers() | st.floats()))
)
def test_no_answer_makes_the_check_itself_fail(answer: dict[str, Any]) -> None:
    try:
        decisions = check_states(answer, states())
    except SmokeTestFailed:
        return
    assert len(decisions) == 3
