"""Beats that age out."""

from livecore.presence.board import BEAT_AGE_S, Board, Change

PHONE, LAPTOP = "phone", "laptop"


def came_or_went(*devices: str, person: bool = True) -> Change:
    return Change(person, frozenset(devices))


NOTHING = came_or_went(person=False)


def test_the_first_connection_comes_and_the_last_one_goes() -> None:
    board = Board()
    assert board.beat("anna", "n1", (PHONE,), 0.0) == came_or_went(PHONE)
    assert board.beat("anna", "n1", (PHONE, PHONE), 1.0) == NOTHING
    assert board.beat("anna", "n2", (LAPTOP,), 1.0) == came_or_went(LAPTOP, person=False)
    assert board.devices("anna", 1.0) == {PHONE, LAPTOP}
    assert board.beat("anna", "n1", (), 2.0) == came_or_went(PHONE, person=False)
    assert board.beat("anna", "n2", (), 3.0) == came_or_went(LAPTOP)
    assert not board.is_here("anna", 3.0)


def test_a_device_on_two_nodes_is_here_until_both_let_it_go() -> None:
    board = Board()
    board.beat("anna", "n1", (PHONE,), 0.0)
    assert board.beat("anna", "n2", (PHONE,), 0.0) == NOTHING
    assert board.beat("anna", "n1", (), 1.0) == NOTHING
    assert board.beat("anna", "n2", (), 1.0) == came_or_went(PHONE)


def test_what_a_dead_process_left_behind_ages_out() -> None:
    board = Board()
    board.beat("anna", "dead", (PHONE,), 0.0)
    board.beat("ben", "dead", (PHONE,), 0.0)
    board.beat("ben", "alive", (LAPTOP,), BEAT_AGE_S - 1)
    assert board.age(BEAT_AGE_S - 1) == {}
    assert board.is_here("anna", BEAT_AGE_S - 1)
    assert not board.is_here("anna", BEAT_AGE_S)
    assert board.age(BEAT_AGE_S) == {"anna": came_or_went(PHONE), "ben": came_or_went(PHONE, person=False)}
    assert board.age(BEAT_AGE_S) == {}
    assert board.devices("ben", BEAT_AGE_S) == {LAPTOP}
