import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecore.accounts.usernames import check_username, folded, skeleton

NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._", min_size=3, max_size=30)


@given(NAMES)
def test_a_skeleton_is_its_own_skeleton_and_knows_no_case(name: str) -> None:
    assert skeleton(skeleton(name)) == skeleton(name)
    assert skeleton(name.upper()) == skeleton(name.lower()) == skeleton(name)


@given(NAMES)
def test_names_that_are_equal_but_for_case_have_one_skeleton(name: str) -> None:
    assert folded(name.swapcase()) == folded(name)
    assert skeleton(name.swapcase()) == skeleton(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann", "ann"),
        ("bob", "b0b"),
        ("paypal", "paypa1"),
        ("livia", "lIvia"),
        ("Il1", "lll"),
        ("modern", "modem"),
        ("vvill", "will"),
        ("a.b.c", "a_b_c"),
    ],
)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), [("anna", "annna"), ("ben", "den"), ("tom", "tim"), ("ab2", "ab3")])
def test_names_that_do_not_look_alike_differ(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@pytest.mark.parametrize("name", ["ab", "a" * 31, ".ann", "ann_", "an..n", "a n n", "änn", "ann@x", "аnn", ""])  # one is Cyrillic
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="m"):
        check_username(name)


@pytest.mark.parametrize("name", ["Ann", "ann.lee", "a_b", "007", "x" * 30])
def test_a_name_of_the_form_is_taken_as_it_is(name: str) -> None:
    assert check_username(name) == name
