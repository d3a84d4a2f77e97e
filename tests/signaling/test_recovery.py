"""The log of what clients that ask for recovery may have missed."""

from typing import Any

from livecore.ports import Principal
from livecore.signaling.encoding import Encoded
from livecore.signaling.recovery import Recovery


def principal(account: str, session: str = "s", device: str = "d") -> Principal:
    return Principal(account, account, session, device, frozenset(), verified=True)


BEN = principal("ben")


def made(limit_bytes: int = 100_000, age_s: float = 60.0) -> Recovery:
    recovery = Recovery("ep", limit_bytes=limit_bytes, age_s=age_s)
    recovery.came("p")
    return recovery


def note(recovery: Recovery, word: str, event: str = "message:new", **options: Any) -> Encoded:
    encoded = Encoded(event, {"word": word} | ({"id": options.pop("id")} if "id" in options else {}))
    recovery.note(encoded, **(options or {"accounts": ["ben", "carl"]}))
    return encoded


def leave(recovery: Recovery, lives: tuple[str, ...] = (), *, may_return: bool = True) -> None:
    recovery.left("p", "sid", BEN, lives, (), may_return=may_return)


def words(recovery: Recovery, after: int, lives: tuple[str, ...] = (), hidden: frozenset[str] = frozenset()) -> list[str]:
    return [encoded.data["word"] for encoded in recovery.missed(after, BEN, lives, hidden, hidden)]


def test_what_came_after_the_offset_is_played_back_in_order_to_whom_it_was_for() -> None:
    recovery = made()
    heard = note(recovery, "heard")
    leave(recovery, ("live",))
    note(recovery, "one")
    note(recovery, "for others", accounts=["carl"])
    note(recovery, "my own, from this device", accounts=["ben"], skip=("ben", "d"))
    note(recovery, "my own, from another", accounts=["ben"], skip=("ben", "d2"))
    note(recovery, "line", live_id="live")
    note(recovery, "line of another room", live_id="other")
    note(recovery, "hidden line", live_id="live", hidden_from=frozenset({"ben"}))
    found = recovery.find("p", heard.offset, BEN)
    assert found is not None
    away, after = found
    assert (away.sid, away.lives) == ("sid", ("live",))
    assert words(recovery, after, ("live",)) == ["one", "my own, from another", "line"]
    assert words(recovery, after) == ["one", "my own, from another"]
    # Found once: a second one with the same name is another client.
    assert recovery.find("p", heard.offset, BEN) is None


def test_one_that_never_heard_anything_gets_all_since_it_came() -> None:
    recovery = Recovery("ep", limit_bytes=100_000, age_s=60)
    recovery.came("first")
    note(recovery, "before")
    recovery.came("p")
    note(recovery, "after")
    leave(recovery)
    found = recovery.find("p", None, BEN)
    assert found is not None
    assert words(recovery, found[1]) == ["after"]


def test_a_name_of_somebody_else_or_an_offset_that_is_none_recovers_nothing() -> None:
    recovery = made()
    offset = note(recovery, "x").offset
    leave(recovery)
    for pid, place, who in [
        ("q", offset, BEN),
        (None, offset, BEN),
        (5, offset, BEN),
        ("p", offset, principal("carl")),
        ("p", offset, principal("ben", session="another")),
        ("p", "other.1", BEN),
        ("p", "ep.2", BEN),
        ("p", "ep.-1", BEN),
        ("p", "ep." + "9" * 400, BEN),
        ("p", 7, BEN),
        ("p", "", BEN),
    ]:
        assert recovery.find(pid, place, who) is None, (pid, place)
    assert recovery.find("p", offset, BEN) is not None


def test_what_was_deleted_or_lies_behind_a_block_is_not_played_back() -> None:
    recovery = made()
    leave(recovery)
    note(recovery, "secret", id="m1", accounts=["ben"], author="carl")
    note(recovery, "edited secret", "message:edited", id="m1", accounts=["ben"], author="carl")
    note(recovery, "of the blocked", id="m2", accounts=["ben"], author="dora")
    note(recovery, "gone", "message:deleted", id="m1", accounts=["ben"], author="carl")
    assert words(recovery, 0) == ["of the blocked", "gone"]
    assert words(recovery, 0, hidden=frozenset({"dora"})) == ["gone"]
    note(recovery, "line", "live:message", id="l1", live_id="live")
    note(recovery, "line taken away", "live:removed", id="l1", live_id="live")
    assert words(recovery, 0, ("live",)) == ["of the blocked", "gone", "line taken away"]


def test_bytes_and_age_have_an_end_and_what_fell_out_is_not_passed_over_in_silence() -> None:
    recovery = made(limit_bytes=1000)
    first = note(recovery, "x")
    leave(recovery)
    for number in range(10):
        note(recovery, f"y{number}")
    assert recovery.size_bytes <= 1000
    assert recovery.find("p", first.offset, BEN) is None
    recovery = made(age_s=10)
    first = note(recovery, "x")
    leave(recovery)
    recovery.now = 11.0
    assert recovery.find("p", first.offset, BEN) is None
    assert not recovery.listening
    assert recovery.size_bytes == 0


def test_who_left_by_itself_is_forgotten_and_nothing_is_noted_for_nobody() -> None:
    recovery = made()
    offset = note(recovery, "x").offset
    leave(recovery, may_return=False)
    assert recovery.find("p", offset, BEN) is None
    assert not recovery.listening
    assert recovery.size_bytes == 0
