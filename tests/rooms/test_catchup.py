"""What a device that comes back is told."""

from livecore.rooms.catchup import Held, Place, Resume, resume

HELD = Held(epoch="e1", head=20, cursor=10, since=3, lost=0)


def test_a_device_that_kept_up_goes_on_from_where_it_is() -> None:
    assert resume(Place("e1", 10), HELD) == Resume(10, reset=False)
    assert resume(Place("e1", 15), HELD) == Resume(15, reset=False)


def test_a_first_time_is_given_what_is_held_and_lost_nothing() -> None:
    assert resume(None, HELD) == Resume(10, reset=False)
    assert resume(Place(None, 0), HELD) == Resume(10, reset=False)


def test_a_device_behind_what_it_took_is_told_that_something_is_gone() -> None:
    assert resume(Place("e1", 7), HELD) == Resume(7, reset=True)


def test_what_expired_is_told_once_the_device_comes() -> None:
    held = Held(epoch="e1", head=20, cursor=10, since=3, lost=12)
    assert resume(Place("e1", 10), held) == Resume(10, reset=True)
    assert resume(Place("e1", 12), held) == Resume(12, reset=False)
    assert resume(None, held).reset


def test_another_epoch_or_a_number_that_was_never_given_starts_afresh() -> None:
    assert resume(Place("e0", 15), HELD) == Resume(10, reset=True)
    assert resume(Place("e1", 21), HELD) == Resume(10, reset=True)


def test_a_device_that_was_dropped_and_came_back_is_told_of_the_gap() -> None:
    held = Held(epoch="e1", head=20, cursor=18, since=18, lost=0)
    assert resume(Place("e1", 9), held) == Resume(18, reset=True)
