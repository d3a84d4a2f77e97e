"""What `ports.Bus` promises, on every adapter."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from livecore.errors import Unavailable
from livecore.platform.bus import MemoryBus, make_bus
from livecore.platform.bus_mailbox import MAILBOX_LIMIT
from livecore.platform.bus_redis import RedisBus
from livecore.platform.metrics import Metrics
from livecore.ports import Delivery
from tests.servers import RedisServer, free_port
from tests.waiting import until

AnyBus = MemoryBus | RedisBus
MakeBus = Callable[[], Awaitable[AnyBus]]


def total(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"livecore_{name}_total", labels) or 0.0


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def bus(request: pytest.FixtureRequest, metrics: Metrics) -> AsyncIterator[AnyBus]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else ""
    made = await make_bus(url, metrics)
    yield made
    await made.close()


class Inbox:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []

    def __call__(self, delivery: Delivery) -> None:
        self.got.append(delivery)

    @property
    def bodies(self) -> list[bytes]:
        return [delivery.data for delivery in self.got]


async def test_a_delivery_reaches_every_subscriber_of_its_topic_and_no_other(bus: AnyBus) -> None:
    one, two, other = Inbox(), Inbox(), Inbox()
    await bus.subscribe("room:1", one)
    await bus.subscribe("room:1", two)
    await bus.subscribe("room:10", other)
    await bus.publish("room:1", b"\x00\xffbytes")
    await until(lambda: one.got and two.got, "both subscribers")
    assert one.got == two.got == [Delivery("room:1", b"\x00\xffbytes")]
    await bus.publish("room:10", b"end")
    await until(lambda: other.got, "the other topic")
    assert other.bodies == [b"end"]
    assert one.bodies == [b"\x00\xffbytes"]


async def test_what_is_published_before_a_subscription_is_not_kept(bus: AnyBus) -> None:
    inbox = Inbox()
    await bus.publish("room:1", b"early")
    await bus.subscribe("marker", marker := Inbox())
    await bus.publish("marker", b"")
    await until(lambda: marker.got, "the early bell to be gone")
    await bus.subscribe("room:1", inbox)
    await bus.publish("room:1", b"late")
    await until(lambda: inbox.got, "the late bell")
    assert inbox.bodies == [b"late"]


async def test_deliveries_have_begun_when_subscribe_returns(bus: AnyBus) -> None:
    for number in range(50):
        inbox = Inbox()
        end = await bus.subscribe(f"topic:{number}", inbox)
        await bus.publish(f"topic:{number}", b"at once")
        await until(lambda inbox=inbox: inbox.got, f"the bell of topic {number}")
        await end()


async def test_a_topic_that_ends_in_a_star_takes_every_topic_below_it(bus: AnyBus) -> None:
    below, exact = Inbox(), Inbox()
    await bus.subscribe("live:7:*", below)
    await bus.subscribe("live:7:chat", exact)
    for topic in ("live:7:chat", "live:7:viewers", "live:70:chat", "live:7"):
        await bus.publish(topic, topic.encode())
    await bus.publish("live:7:end", b"end")
    await until(lambda: b"end" in below.bodies, "the last bell")
    assert [delivery.topic for delivery in below.got] == ["live:7:chat", "live:7:viewers", "live:7:end"]
    assert exact.bodies == [b"live:7:chat"]


async def test_signs_of_patterns_stand_for_themselves(bus: AnyBus) -> None:
    inbox, starred = Inbox(), Inbox()
    await bus.subscribe("a[bc]?", inbox)
    await bus.subscribe("a[bc]?*", starred)
    await bus.publish("ab", b"no")
    await bus.publish("abx", b"no")
    await bus.publish("a[bc]?", b"yes")
    await bus.publish("a[bc]?z", b"below")
    await until(lambda: b"below" in starred.bodies, "the last bell")
    assert inbox.bodies == [b"yes"]
    assert starred.bodies == [b"yes", b"below"]


async def test_deliveries_of_a_publisher_keep_their_order(bus: AnyBus) -> None:
    plain, slow = Inbox(), []

    async def handler(delivery: Delivery) -> None:
        await asyncio.sleep(0)
        slow.append(delivery.data)

    await bus.subscribe("t", plain)
    await bus.subscribe("t", handler)
    sent = [str(number).encode() for number in range(1500)]
    for body in sent:
        await bus.publish("t", body)
    await until(lambda: len(plain.got) == len(slow) == len(sent), "all bells")
    assert plain.bodies == slow == sent


async def test_a_handler_takes_one_delivery_at_a_time(bus: AnyBus) -> None:
    inside, most, done = 0, 0, 0

    async def handler(_: Delivery) -> None:
        nonlocal inside, most, done
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        done += 1

    await bus.subscribe("t", handler)
    for _ in range(20):
        await bus.publish("t", b"")
    await until(lambda: done == 20, "all handled")
    assert most == 1


async def test_after_its_end_a_subscription_gets_nothing(bus: AnyBus) -> None:
    ended, staying = Inbox(), Inbox()
    end = await bus.subscribe("t", ended)
    await bus.subscribe("t", staying)
    await bus.publish("t", b"1")
    await until(lambda: ended.got and staying.got, "the first bell")
    await end()
    await end()
    await bus.publish("t", b"2")
    await until(lambda: len(staying.got) == 2, "the second bell")
    assert ended.bodies == [b"1"]


async def test_a_topic_can_be_left_and_taken_again(bus: AnyBus) -> None:
    for turn in range(10):
        inbox = Inbox()
        end = await bus.subscribe("t", inbox)
        await bus.publish("t", str(turn).encode())
        await until(lambda inbox=inbox: inbox.got, f"turn {turn}")
        await end()


async def test_a_handler_may_end_its_own_subscription(bus: AnyBus) -> None:
    got: list[bytes] = []
    ends: list[Callable[[], Awaitable[None]]] = []

    async def handler(delivery: Delivery) -> None:
        got.append(delivery.data)
        await ends[0]()

    ends.append(await bus.subscribe("t", handler))
    await bus.publish("t", b"1")
    await bus.publish("t", b"2")
    await bus.subscribe("t", later := Inbox())
    await bus.publish("t", b"3")
    await until(lambda: b"3" in later.bodies, "the last bell")
    assert got == [b"1"]


async def test_what_a_handler_raises_is_counted_and_harms_nobody(bus: AnyBus, metrics: Metrics) -> None:
    def plain(_: Delivery) -> None:
        raise RuntimeError("plain")

    async def slow(_: Delivery) -> None:
        raise RuntimeError("slow")

    await bus.subscribe("t", plain)
    await bus.subscribe("t", slow)
    await bus.subscribe("t", inbox := Inbox())
    await bus.publish("t", b"1")
    await bus.publish("t", b"2")
    await until(lambda: len(inbox.got) == 2 and total(metrics, "bus_handler_failed") == 4, "both bells and four faults")


async def test_a_slow_handler_loses_the_oldest_and_is_told_of_the_gap(bus: AnyBus, metrics: Metrics) -> None:
    got: list[int] = []
    gate, told = asyncio.Event(), asyncio.Event()

    async def handler(delivery: Delivery) -> None:
        await gate.wait()
        got.append(int(delivery.data))

    bus.on_gap(told.set)
    await bus.subscribe("t", handler)
    await bus.subscribe("t", quick := Inbox())
    extra = 500
    last = MAILBOX_LIMIT + extra
    for number in range(last + 1):
        await bus.publish("t", str(number).encode())
        if number % 1000 == 0:
            await until(lambda number=number: len(quick.got) > number, "the quick one to follow")
    await until(lambda: len(quick.got) == last + 1, "the quick one has all: nobody was blocked")
    assert not told.is_set()
    gate.set()
    await until(lambda: got and got[-1] == last, "the newest bell")
    await until(told.is_set, "the gap told")
    # One was in the handler's hands, MAILBOX_LIMIT waited, those between are lost.
    assert got[0] == 0
    assert got[1:] == list(range(last + 1 - MAILBOX_LIMIT, last + 1))
    assert total(metrics, "bus_dropped", reason="slow_handler") == extra


async def test_a_gap_callback_can_be_withdrawn(bus: AnyBus) -> None:
    told: list[str] = []
    withdraw = bus.on_gap(lambda: told.append("withdrawn"))
    withdraw()
    withdraw()
    kept = asyncio.Event()
    bus.on_gap(kept.set)
    gate = asyncio.Event()

    async def handler(_: Delivery) -> None:
        await gate.wait()

    await bus.subscribe("t", handler)
    await bus.subscribe("t", quick := Inbox())
    for number in range(MAILBOX_LIMIT + 2):
        await bus.publish("t", b"")
        if number % 1000 == 0:
            await until(lambda number=number: len(quick.got) > number, "the quick one to follow")
    await until(lambda: len(quick.got) == MAILBOX_LIMIT + 2, "an overflow")
    gate.set()
    await until(kept.is_set, "the gap told")
    assert told == []


async def test_a_channel_is_heard_while_it_is_held(bus: AnyBus) -> None:
    inbox = Inbox()
    channels = bus.channels("of.", inbox)
    await bus.subscribe("marker", marker := Inbox())
    channels.publish("a", b"before")
    await bus.publish("marker", b"")
    await until(lambda: marker.got, "what nobody holds to be gone")
    await channels.hold(["a", "b"])
    channels.publish("a", b"a")
    channels.publish("b", b"b")
    channels.publish("c", b"c")
    channels.publish("a", b"end")
    await until(lambda: b"end" in inbox.bodies, "the last bell")
    assert inbox.bodies == [b"a", b"b", b"end"]
    assert inbox.got[0].topic == "of.a"


async def test_a_channel_is_left_some_time_after_its_last_hold(bus: AnyBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecore.platform.bus_channels.LEAVE_AFTER_S", 0.02)
    inbox = Inbox()
    channels = bus.channels("of.", inbox)
    await channels.hold(["a"])
    await channels.hold(["a", "b"])
    channels.release(["a"])
    channels.release(["b"])
    await until(lambda: "of.b" not in channels, "the channel to be left")
    channels.publish("b", b"to nobody")
    channels.publish("a", b"still held")
    await until(lambda: inbox.got, "the channel that is held")
    assert inbox.bodies == [b"still held"]
    channels.release(["a"])
    await channels.hold(["a"])  # before it was left
    channels.publish("a", b"again")
    await until(lambda: len(inbox.got) == 2, "the bell after coming back")
    assert inbox.bodies[1] == b"again"


async def test_it_says_that_it_answers(bus: AnyBus) -> None:
    await bus.check()


# -- what only a server between processes can do


@pytest.mark.redis
async def test_a_bell_crosses_processes(redis_url: str, metrics: Metrics) -> None:
    here, there = await make_bus(redis_url, metrics), await make_bus(redis_url, metrics)
    await there.subscribe("t", inbox := Inbox())
    for number in range(100):
        await here.publish("t", str(number).encode())
    await until(lambda: len(inbox.got) == 100, "all bells")
    assert inbox.bodies == [str(number).encode() for number in range(100)]
    await here.close()
    await there.close()


@pytest.mark.redis
async def test_what_nobody_holds_does_not_come_over_the_wire(redis_url: str) -> None:
    metrics = Metrics(), Metrics()
    here, there = await make_bus(redis_url, metrics[0]), await make_bus(redis_url, metrics[1])
    ours, theirs = here.channels("of.", Inbox()), there.channels("of.", inbox := Inbox())
    await theirs.hold(["b"])
    for name in ("a", "a", "b"):
        ours.publish(name, name.encode())
    await until(lambda: inbox.got, "what is held")
    assert (total(metrics[0], "bus_received", kind="of"), total(metrics[1], "bus_received", kind="of")) == (0, 1)
    await here.close()
    await there.close()


@pytest.mark.redis
async def test_names_share_so_many_channels(redis_url: str, metrics: Metrics) -> None:
    bus = await make_bus(redis_url, metrics, channels=4)
    channels = bus.channels("of.", inbox := Inbox())
    names = [f"name{number}" for number in range(40)]
    await channels.hold(names)
    assert len(list(channels.topics())) == 4
    for name in names:
        channels.publish(name, name.encode())
    await until(lambda: len(inbox.got) == 40, "all of them")
    assert inbox.bodies == [name.encode() for name in names]
    await bus.close()


@pytest.mark.redis
async def test_platforms_with_other_database_numbers_do_not_hear_each_other(redis_server: RedisServer, metrics: Metrics) -> None:
    one, other = await make_bus(redis_server.url(1), metrics), await make_bus(redis_server.url(2), metrics)
    await one.subscribe("t", ours := Inbox())
    await other.subscribe("t", theirs := Inbox())
    await one.publish("t", b"one")
    await other.publish("t", b"other")
    await until(lambda: ours.got and theirs.got, "both")
    assert (ours.bodies, theirs.bodies) == ([b"one"], [b"other"])
    await one.close()
    await other.close()


@pytest.mark.redis
async def test_a_killed_redis_is_a_gap_that_is_told_and_bells_ring_again(own_redis: RedisServer, metrics: Metrics) -> None:
    bus = await make_bus(own_redis.url(), metrics)
    gaps: list[float] = []
    bus.on_gap(lambda: gaps.append(asyncio.get_running_loop().time()))
    await bus.subscribe("t", inbox := Inbox())
    await bus.subscribe("below:*", below := Inbox())
    channels = bus.channels("of.", held := Inbox())
    await channels.hold(["early"])
    await bus.publish("t", b"before")
    await until(lambda: inbox.got, "the first bell")

    await own_redis.kill()
    with pytest.raises(Unavailable):
        await bus.check()
    for _ in range(10):
        await bus.publish("t", b"lost")  # does not raise, does not wait
    # While the server is away a subscription begins with the end of the gap.
    await bus.subscribe("meanwhile", meanwhile := Inbox())
    await channels.hold(["late"])
    await until(lambda: total(metrics, "bus_dropped", reason="server_away") >= 1, "lost bells counted")
    assert gaps == []
    await own_redis.start()
    await until(lambda: gaps, "the gap told")

    await bus.publish("t", b"after")
    await bus.publish("below:1", b"after")
    await bus.publish("meanwhile", b"after")
    await until(lambda: b"after" in inbox.bodies and below.got and meanwhile.got, "bells after the restart")
    assert below.bodies == [b"after"]
    assert meanwhile.bodies == [b"after"]
    for name in ("early", "late"):
        channels.publish(name, name.encode())
    await until(lambda: len(held.got) == 2, "both channels")
    assert held.bodies == [b"early", b"late"]
    await bus.check()
    await bus.close()


@pytest.mark.redis
async def test_a_silent_server_is_noticed(own_redis: RedisServer, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is open and dead (a cable, a firewall): the kernel says nothing, the missing PONG does."""
    import os
    import signal

    monkeypatch.setattr("livecore.platform.bus_redis.PING_AFTER_S", 0.2)
    bus = await make_bus(own_redis.url(), metrics)
    gaps: list[bool] = []
    bus.on_gap(lambda: gaps.append(True))
    await bus.subscribe("t", inbox := Inbox())
    os.kill(own_redis.process.pid, signal.SIGSTOP)
    assert isinstance(bus, RedisBus)
    await until(lambda: bus._connection is None, "the silence noticed")
    os.kill(own_redis.process.pid, signal.SIGCONT)
    await until(lambda: gaps, "the gap told")
    await bus.publish("t", b"after")
    await until(lambda: b"after" in inbox.bodies, "the bell rings again")
    await bus.close()


@pytest.mark.redis
async def test_a_publisher_cut_off_tells_others_of_the_bells_that_it_lost(own_redis: RedisServer, metrics: Metrics) -> None:
    """The subscriber's own connection stays whole: only the publisher knows that something was lost."""
    here, there = await make_bus(own_redis.url(), metrics), await make_bus(own_redis.url(), metrics)
    assert isinstance(here, RedisBus)
    assert isinstance(there, RedisBus)
    told: list[bool] = []
    there.on_gap(lambda: told.append(True))
    await there.subscribe("t", inbox := Inbox())
    await here.publish("t", b"1")
    await until(lambda: inbox.got, "the first bell")
    real = here._client
    from redis.asyncio import Redis

    here._client = Redis.from_url(f"redis://127.0.0.1:{free_port()}", socket_connect_timeout=0.2)
    away: Any = here._client
    await here.publish("t", b"2")
    await until(lambda: total(metrics, "bus_dropped", reason="server_away") >= 1, "a lost bell counted")
    here._client = real
    await away.aclose()
    await here.publish("t", b"3")
    await until(lambda: told, "the gap told at the other process")
    assert inbox.bodies == [b"1", b"3"]
    await here.close()
    await there.close()


@pytest.mark.redis
async def test_a_start_without_the_server_says_so(metrics: Metrics) -> None:
    with pytest.raises(Unavailable):
        await make_bus(f"redis://127.0.0.1:{free_port()}", metrics)
