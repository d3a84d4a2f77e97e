"""How many watch elsewhere, by what other processes said."""

from livecore.rooms.census import Census


def test_what_processes_said_is_added_up_and_ages() -> None:
    census = Census(15.0)
    census.listed("a", {"x": 3, "y": 1}, now=0.0)
    census.listed("b", {"x": 2}, now=10.0)
    assert (census.viewers("x", 10.0), census.viewers("y", 10.0), census.viewers("z", 10.0)) == (5, 1, 0)
    # The first one has said nothing for fifteen seconds: it is dead, and its viewers with it.
    assert (census.viewers("x", 15.0), census.viewers("y", 15.0)) == (2, 0)


def test_a_list_stands_in_place_of_the_one_before_and_a_word_between_counts_at_once() -> None:
    census = Census(15.0)
    census.listed("a", {"x": 3, "y": 1}, now=0.0)
    census.listed("a", {"x": 4}, now=5.0)
    assert (census.viewers("x", 5.0), census.viewers("y", 5.0)) == (4, 0)
    census.told("a", "y", 2, now=6.0)
    census.told("a", "x", 0, now=6.0)
    assert (census.viewers("x", 6.0), census.viewers("y", 6.0)) == (0, 2)
    census.forget("y")
    assert census.viewers("y", 6.0) == 0


def test_processes_that_died_are_not_remembered() -> None:
    census = Census(15.0)
    for number in range(100):
        census.listed(f"node{number}", {"x": 1}, now=number * 20.0)
    assert census.viewers("x", 99 * 20.0) == 1
    assert len(census._said) == 1
