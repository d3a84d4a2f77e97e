"""Beats that age out."""

from livecore.presence.board import BEAT_AGE_S, Board


def test_the_first_connection_comes_and_the_last_one_goes() -> None:
    board = Board()
    assert board.beat("anna", "n1", 1, 0.0)
    assert not board.beat("anna", "n1", 2, 1.0)
    assert not board.beat("anna", "n2", 1, 1.0)
    assert not board.beat("anna", "n1", 0, 2.0)
    assert board.beat("anna", "n2", 0, 3.0)
    assert board.status("anna", 3.0) == ("offline", None)


def test_what_a_dead_process_left_behind_ages_out() -> None:
    board = Board()
    board.beat("anna", "n1", 1, 0.0)
    assert board.status("anna", BEAT_AGE_S - 1)[0] == "online"
    assert board.status("anna", BEAT_AGE_S)[0] == "offline"


def test_a_status_lasts_as_long_as_the_person_is_here_but_invisible_stays() -> None:
    board = Board()
    for status, later in (("busy", "online"), ("invisible", "offline")):
        board.beat("anna", "n1", 1, 0.0)
        board.set_status("anna", status, "words")
        assert board.status("anna", 1.0) == (("busy", "words") if status == "busy" else ("offline", None))
        board.beat("anna", "n1", 0, 2.0)
        board.beat("anna", "n1", 1, 3.0)
        assert board.status("anna", 3.0)[0] == later
