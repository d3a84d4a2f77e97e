"""The table of what may become of a call."""

import pytest

from livecore.calls.rules import Facts, Reason, State, check_accept, reason_of_end
from livecore.errors import Conflict, NotFound, Problem


def call(state: State, silent: bool = False) -> Facts:
    return Facts("c", "anna", "ben", state, silent)


def test_the_one_who_is_called_may_answer_while_it_rings() -> None:
    check_accept(call("ringing"), "ben")


@pytest.mark.parametrize(
    ("facts", "who", "refusal", "word"),
    [
        (call("ringing"), "anna", NotFound, "not_found"),
        (call("ringing"), "cleo", NotFound, "not_found"),
        (call("ringing", silent=True), "ben", NotFound, "not_found"),
        (call("active"), "ben", Conflict, "call_answered"),
        (call("ended"), "ben", Conflict, "call_over"),
    ],
)
def test_nobody_else_and_not_later(facts: Facts, who: str, refusal: type[Exception], word: str) -> None:
    with pytest.raises(Problem) as caught:
        check_accept(facts, who)
    assert (type(caught.value), caught.value.type) == (refusal, word)


@pytest.mark.parametrize(
    ("facts", "who", "reason"),
    [
        (call("ringing"), "anna", "cancelled"),
        (call("ringing"), "ben", "declined"),
        (call("active"), "anna", "hung_up"),
        (call("active"), "ben", "hung_up"),
        (call("ringing", silent=True), "anna", "cancelled"),
    ],
)
def test_why_a_call_is_over(facts: Facts, who: str, reason: Reason) -> None:
    assert reason_of_end(facts, who) == reason


@pytest.mark.parametrize(("facts", "who"), [(call("active"), "cleo"), (call("ringing", silent=True), "ben")])
def test_a_stranger_ends_nothing(facts: Facts, who: str) -> None:
    with pytest.raises(NotFound):
        reason_of_end(facts, who)
