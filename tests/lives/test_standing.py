"""Who may speak, kept in memory, and right again with the change itself."""

from livecore.lives.standing import SHARED_AGE_S, Standing
from livecore.platform.bus import MemoryBus
from livecore.platform.metrics import Metrics
from livecore.ports import LiveFacts
from tests.clocks import FakeClock
from tests.serving import settled

FACTS = LiveFacts("live", "host", "Evening", "live", 1)


async def test_a_verdict_falls_with_each_change_and_with_time() -> None:
    bus, clock = MemoryBus(Metrics()), FakeClock()
    standing, elsewhere = Standing(bus, clock, shared=True), Standing(bus, clock, shared=True)
    end = await standing.start()

    def keep() -> None:
        standing.keep("live", "ben", FACTS, False, standing.stamp)
        assert standing.get("live", "ben") is not None

    keep()
    await elsewhere.changed("live")
    await settled()
    assert standing.get("live", "ben") is None
    for topic, ids in [("people.changed", "carl ben"), ("people.changed", "host x"), ("accounts.changed", "host")]:
        keep()
        await bus.publish(topic, ids.encode())
        await settled()
        assert standing.get("live", "ben") is None, ids
    keep()
    await bus.publish("people.changed", b"somebody else")
    await settled()
    assert standing.get("live", "ben") is not None
    clock.advance(SHARED_AGE_S)
    assert standing.get("live", "ben") is None
    # What was read before a change and comes after it is not true.
    stamp = standing.stamp
    standing.forget("live")
    standing.keep("live", "ben", FACTS, False, stamp)
    assert standing.get("live", "ben") is None
    await end()
    await bus.close()
