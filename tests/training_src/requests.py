"""How requests are parsed or refused, for the tests of what takes them."""

import pytest
from hypothesis import strategies as st

from autoscaling_rl.controller.state import InvalidRequest, parse_state
from tests.training_src.endpoints import state

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)


def parsed(**changes):
    return parse_state(state(**changes), "states[0]")


def refused(call, *arguments, **keywords):
    with pytest.raises(InvalidRequest) as caught:
        call(*arguments, **keywords)
    return caught.value.field, caught.value.message


def outcome(call, *arguments, **keywords):
    """Return what a call returns, or how it refuses."""
    try:
        return call(*arguments, **keywords)
    except InvalidRequest as error:
        return error
