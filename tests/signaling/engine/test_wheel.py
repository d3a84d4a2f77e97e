"""The ping wheel, turned by hand."""

from livecore.signaling.engine.wheel import SLOTS, Wheel


def turns(wheel: Wheel[str], count: int) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """At which turns each was pinged, and looked at."""
    pinged: dict[str, list[int]] = {}
    late: dict[str, list[int]] = {}
    for turn in range(1, count + 1):
        there, due = wheel.turn()
        wheel.expect(there)
        for one in there:
            pinged.setdefault(one, []).append(turn)
        for one in due:
            late.setdefault(one, []).append(turn)
    return pinged, late


def test_everybody_is_pinged_once_an_interval_and_looked_at_in_time() -> None:
    wheel: Wheel[str] = Wheel(25.0, 20.0)
    wheel.add("a")
    turns(wheel, 7)
    wheel.add("b")
    pinged, late = turns(wheel, 60)
    assert pinged == {"a": [18, 43], "b": [25, 50]}
    assert late == {"a": [38], "b": [45]} | {"a": [38]}


def test_a_timeout_longer_than_the_interval_is_waited_for() -> None:
    wheel: Wheel[str] = Wheel(25.0, 40.0)
    wheel.add("a")
    there: list[str] = []
    for _ in range(SLOTS):
        there, _ = wheel.turn()
    assert there == ["a"]
    wheel.expect(there)
    looked = [turn for turn in range(1, 60) if wheel.turn()[1]]
    assert looked == [40]


def test_who_left_is_neither_pinged_nor_looked_at() -> None:
    wheel: Wheel[str] = Wheel(0.3, 0.2)
    wheel.add("a")
    wheel.remove("a")
    wheel.remove("a")
    assert turns(wheel, 60) == ({}, {})
    assert len(wheel) == 0
