"""A live room's sockets: at once, joined, in slices, in order; and never beside what a transport still holds."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from livecore.native import FanOut
from livecore.ports import Principal
from livecore.signaling import broadcast
from livecore.signaling.broadcast import Room
from livecore.signaling.encoding import Encoded, Form
from livecore.signaling.recovery import Recovery
from livecore.signaling.registry import Connection, Registry
from tests.waiting import until

WINDOW_S = 0.02


class FakeLink:
    """A transport that remembers what it was given, write by write."""

    pid = None

    def __init__(self, sid: str, form: Form = Form.TEXT) -> None:
        self.sid = sid
        self.form = form
        self.is_slow = False
        self.writes: list[bytes] = []
        self.told: Callable[[bool], None] | None = None

    def send(self, encoded: Encoded) -> None:
        self.writes.append(encoded.frame(self.form))
        if self.told is not None:
            self.told(True)

    def acknowledge(self, number: int, result: Any) -> None:
        self.writes.append(b"ack")

    def direct(self) -> Callable[[bytes], None] | None:
        return None if self.is_slow else self.writes.append

    def descriptor(self) -> int:
        return -1

    def is_drained(self) -> bool:
        return True

    def on_change(self, told: Callable[[bool], None] | None) -> None:
        self.told = told

    def cut(self, reason: str) -> None:
        self.writes.append(b"cut")

    def heard(self) -> list[str]:
        """The words of `say`, in order, wherever the writes were cut."""
        return [part.partition(b'"')[0].decode() for part in b"".join(self.writes).split(b'"word":"')[1:]]


def principal(account: str) -> Principal:
    return Principal(account, account, f"s-{account}", f"d-{account}", frozenset(), verified=True)


def enter(registry: Registry, account: str, *lives: str, form: Form = Form.TEXT) -> FakeLink:
    link = FakeLink(f"sid-{account}", form)
    connection = Connection(link.sid, principal(account), link, "")
    registry.add(connection)
    for live in lives:
        registry.join_live(connection, live)
    return link


def say(registry: Registry, live: str, word: str, **options: Any) -> None:
    registry.to_live(live, "live:message", {"word": word}, **options)


async def test_the_first_leaves_at_once_and_what_follows_leaves_joined() -> None:
    registry = Registry(join_window_s=WINDOW_S)
    ben, carl = enter(registry, "ben", "one"), enter(registry, "carl", "one", form=Form.MSGPACK)
    for word in ("a", "b", "c", "d"):
        say(registry, "one", word)
    assert ben.heard() == ["a"]
    await until(lambda: ben.heard() == ["a", "b", "c", "d"])
    assert [len(ben.writes), len(carl.writes)] == [2, 2]
    await asyncio.sleep(WINDOW_S * 2)
    say(registry, "one", "later")
    assert ben.heard()[-1] == "later"


async def test_a_client_of_two_rooms_and_a_conversation_hears_all_in_the_order_it_was_said() -> None:
    registry = Registry(join_window_s=60)
    ben = enter(registry, "ben", "one", "two")
    other = enter(registry, "carl", "one")
    expected = []
    for number in range(30):
        word = f"w{number}"
        expected.append(word)
        if number % 5 == 4:
            registry.local(["ben"], "message:new", {"word": word})
        else:
            say(registry, "one" if number % 3 else "two", word)
    registry.flush_live("one")
    registry.flush_live("two")
    assert ben.heard() == expected
    assert other.heard() == [word for number, word in enumerate(expected) if number % 5 != 4 and number % 3]


async def test_who_is_not_to_see_a_line_does_not_and_the_rest_still_leaves_joined() -> None:
    registry = Registry(join_window_s=60)
    ben, carl = enter(registry, "ben", "one"), enter(registry, "carl", "one")
    say(registry, "one", "a")
    say(registry, "one", "b", hidden_from=frozenset({"carl", "nobody here"}))
    say(registry, "one", "c")
    registry.flush_live("one")
    assert (ben.heard(), len(ben.writes)) == (["a", "b", "c"], 2)
    assert carl.heard() == ["a", "c"]
    say(registry, "one", "d")
    registry.flush_live("one")
    assert carl.heard()[-1] == "d"


async def test_who_joins_gets_nothing_that_was_said_before_and_who_leaves_nothing_after() -> None:
    registry = Registry(join_window_s=60)
    ben = enter(registry, "ben", "one")
    say(registry, "one", "a")
    say(registry, "one", "b")
    carl = enter(registry, "carl", "one")
    assert ben.heard() == ["a", "b"]
    [connection] = registry.of_account("ben")
    assert registry.leave_live(connection, "one")
    assert not registry.leave_live(connection, "one")
    say(registry, "one", "c")
    registry.flush_live("one")
    assert (ben.heard(), carl.heard()) == (["a", "b"], ["c"])


async def test_a_member_that_lags_behind_goes_the_long_way_and_keeps_its_order() -> None:
    registry = Registry(join_window_s=60)
    ben = enter(registry, "ben", "one")
    say(registry, "one", "a")
    ben.is_slow = True
    assert ben.told is not None
    ben.told(False)
    say(registry, "one", "b")
    say(registry, "one", "c")
    registry.flush_live("one")
    ben.is_slow = False
    ben.told(False)
    say(registry, "one", "d")
    registry.flush_live("one")
    assert ben.heard() == ["a", "b", "c", "d"]
    assert len(ben.writes) == 4


async def test_much_that_waits_leaves_before_the_window_ends() -> None:
    registry = Registry(join_window_s=60)
    ben = enter(registry, "ben", "one")
    for number in range(100):
        say(registry, "one", f"{number}-" + "x" * 1000)
    assert len(ben.heard()) > 60


async def test_a_large_room_is_written_to_in_slices_and_nobody_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "SLICE", 10)
    registry = Registry()
    links = [enter(registry, f"p{number}", "one", form=Form.MSGPACK if number % 7 == 0 else Form.TEXT) for number in range(50)]
    text = [link for link in links if link.form is Form.TEXT]
    for word in ("a", "b", "c"):
        say(registry, "one", word)
    assert sum(bool(link.writes) for link in links) < 50
    # In the middle somebody leaves, somebody lags, and somebody gets something else: that comes after.
    [leaver] = registry.of_account("p48")
    registry.leave_live(leaver, "one")
    await until(lambda: all(link.heard() == ["a", "b", "c"] for link in text if link.sid != "sid-p48"))
    say(registry, "one", "d")
    registry.local(["p47"], "message:new", {"word": "direct"})
    assert links[47].heard()[-2:] == ["d", "direct"]
    assert all(link.heard()[-1] == "d" for link in text if link.sid not in ("sid-p48", "sid-p47"))
    assert links[48].heard() in ([], ["a"])


async def test_counts_are_by_account() -> None:
    registry = Registry()
    enter(registry, "ben", "one")
    enter(registry, "carl", "one")
    second = Connection("sid-2", principal("ben"), FakeLink("sid-2"), "")
    registry.add(second)
    registry.join_live(second, "one")
    assert (registry.live_size("one"), registry.live_size("one", "ben"), registry.live_size("two")) == (2, 1, 0)
    assert registry.in_live("one", ["carl", "dora"]) == ["carl"]
    registry.remove(second)
    assert registry.live_size("one") == 2
    registry.close_live("one")
    assert registry.live_size("one") == 0
    assert [one.lives for one in registry.all()] == [(), ()]


@pytest.mark.parametrize("mode", ["auto", "off"])
async def test_beside_the_transport_nothing_is_overtaken(mode: str) -> None:
    """A real pair of sockets whose reader comes late: the kernel takes a part, the transport keeps the rest, the order holds."""
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    near.setblocking(False)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)

    class Socket(FakeLink):
        def send(self, encoded: Encoded) -> None:
            transport.write(encoded.frame(self.form))
            room.touched(self.member)

        def direct(self) -> Callable[[bytes], None] | None:
            return transport.write

        def descriptor(self) -> int:
            return near.fileno()

        def is_drained(self) -> bool:
            return not transport.get_write_buffer_size()

    link = Socket("a")
    link.member = member = Connection("a", principal("ben"), link, "")  # type: ignore[attr-defined]
    room = Room(0.0, lambda _account: [member], FanOut(mode))
    room.add(member, "ben")
    sent = b""
    for number in range(200):
        event = Encoded("live:message", {"word": f"{number}-" + "y" * 400})
        sent += event.frame(Form.TEXT)
        if number % 10 == 9:
            link.send(event)
        else:
            room.send(event)
    received = b""
    far.setblocking(False)
    while len(received) < len(sent):
        received += await loop.sock_recv(far, 65536)
    assert received == sent
    transport.close()
    far.close()


async def test_what_is_noted_for_recovery_goes_out_with_its_place() -> None:
    registry = Registry(recovery=Recovery("ep", limit_bytes=10_000, age_s=60))
    assert registry.recovery is not None
    registry.recovery.came("pid")
    ben = enter(registry, "ben", "one", form=Form.TEXT_OFFSET)
    carl = enter(registry, "carl", "one")
    say(registry, "one", "a")
    assert b'"ep.1"]' in ben.writes[0]
    assert b"ep." not in carl.writes[0]
