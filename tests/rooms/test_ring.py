"""A live room's memory."""

from livecore.rooms.ring import REACTIONS_LIMIT, Ring


def test_the_last_lines_are_kept_in_order_with_numbers() -> None:
    ring = Ring("e", 3)
    for number in range(5):
        ring.add(f"l{number}", "anna", b'{"body":"%d"}' % number)
    assert [(line["seq"], line["body"]) for line in ring.lines()] == [(3, "2"), (4, "3"), (5, "4")]
    assert all("account" not in line and line["epoch"] == "e" for line in ring.lines())


def test_lines_of_the_blocked_are_not_read_back() -> None:
    ring = Ring("e", 3)
    ring.add("l1", "anna", b'{"body":"a"}')
    ring.add("l2", "ben", b'{"body":"b"}')
    assert [line["body"] for line in ring.lines(frozenset({"ben"}))] == ["a"]


def test_slow_mode_says_how_long_to_wait() -> None:
    ring = Ring("e", 3)
    assert ring.wait_s("anna", 10, now=100.0) == 0
    assert ring.wait_s("anna", 10, now=104.0) == 6
    assert ring.wait_s("ben", 10, now=104.0) == 0
    assert ring.wait_s("anna", 10, now=110.0) == 0


def test_reactions_are_counted_and_their_names_are_bounded() -> None:
    ring = Ring("e", 3)
    for number in range(2 * REACTIONS_LIMIT):
        ring.react(f"r{number}")
    ring.react("r0", 2)
    taken = ring.take_reactions()
    assert len(taken) == REACTIONS_LIMIT
    assert taken["r0"] == 3
    assert ring.take_reactions() == {}
