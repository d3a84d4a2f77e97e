"""Who may be in a live and speak there, kept in memory for a moment: a line in a hot room must not ask the store twenty times.

What is kept falls with the change itself: of the live, of its restrictions, of how two people stand to one another, of an account.
The change is told over the bus; a bell that is lost costs no more than the age.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from livecore.ports import Bus, Clock, Delivery, LiveFacts

TOPIC = "lives.changed"
# What other services ring when people or accounts change: account ids with spaces between them.
ACCOUNT_TOPICS = ("people.changed", "accounts.changed")
VERDICTS_LIMIT = 100_000
AGE_S = 10.0
# Several processes ring one another over a bus that may lose.
SHARED_AGE_S = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`stamp`: how many changes had been heard of when the store was asked."""

    facts: LiveFacts
    is_muted: bool
    at: float
    stamp: int


class Standing:
    def __init__(self, bus: Bus, clock: Clock, *, shared: bool) -> None:
        self._bus = bus
        self._clock = clock
        self._age_s = SHARED_AGE_S if shared else AGE_S
        self._verdicts: OrderedDict[tuple[str, str], Verdict] = OrderedDict()  # by live and account
        self._changed: dict[str, int] = {}  # live or account → the number of its last change
        self._changes = 0

    async def start(self) -> Callable[[], Awaitable[None]]:
        ends = [await self._bus.subscribe(topic, self._on_delivery) for topic in (TOPIC, *ACCOUNT_TOPICS)]

        async def end() -> None:
            for one in ends:
                await one()

        return end

    def _on_delivery(self, delivery: Delivery) -> None:
        self.forget(*delivery.data.decode().split())

    def forget(self, *ids: str) -> None:
        """Of these lives and accounts nothing that was read before is true any more."""
        self._changes += 1
        if len(self._changed) > VERDICTS_LIMIT:
            self._changed.clear()
            self._verdicts.clear()
        for id in ids:
            self._changed[id] = self._changes

    async def changed(self, live_id: str) -> None:
        """After the commit: every process asks anew."""
        self.forget(live_id)
        await self._bus.publish(TOPIC, live_id.encode())

    @property
    def stamp(self) -> int:
        """To be taken before the store is asked."""
        return self._changes

    def get(self, live_id: str, account_id: str) -> Verdict | None:
        verdict = self._verdicts.get((live_id, account_id))
        if verdict is None or self._clock.now() - verdict.at >= self._age_s:
            return None
        changed = self._changed
        if any(changed.get(id, 0) > verdict.stamp for id in (live_id, account_id, verdict.facts.host_id)):
            return None
        return verdict

    def keep(self, live_id: str, account_id: str, facts: LiveFacts, is_muted: bool, stamp: int) -> Verdict:
        verdict = self._verdicts[live_id, account_id] = Verdict(facts, is_muted, self._clock.now(), stamp)
        self._verdicts.move_to_end((live_id, account_id))
        while len(self._verdicts) > VERDICTS_LIMIT:
            self._verdicts.popitem(last=False)
        return verdict
