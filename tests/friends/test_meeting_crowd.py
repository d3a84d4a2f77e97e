"""Meeting strangers under load: a crowd in two processes, which goes on to the next as soon as it met. Only the clock of the test moves."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from sqlalchemy import func, select

from livecore.people import tables
from livecore.people.matcher import INTEREST_MS, LANGUAGE_MS, RECENT_MS
from tests.clocks import FakeClock
from tests.conftest import StartServer
from tests.friends.test_meetings import enter
from tests.people import Listener, Person
from tests.serving import Server
from tests.waiting import until

PEOPLE = 20
MEETINGS = 3
STEP_S = 1.0
INTERESTS: tuple[list[str], ...] = (["chess"], ["music"], ["chess", "hiking"], ["hiking"], [])
# One language is spoken by a single person, who is met all the same.
LANGUAGES: tuple[list[str], ...] = (["de"], ["en"], ["de", "en"], [])


@dataclass
class Guest:
    person: Person
    listener: Listener
    interests: list[str]
    languages: list[str]
    since_ms: int = 0  # when they began to wait for whom they have not met yet
    waits_ms: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.person.username

    def met(self) -> list[dict[str, Any]]:
        return self.listener.heard("match:found")


class Crowd:
    def __init__(self, servers: tuple[Server, Server], clock: FakeClock) -> None:
        self.servers = servers
        self.clock = clock
        self.guests: dict[str, Guest] = {}
        self.pairs: dict[str, tuple[Guest, Guest, int]] = {}  # by meeting: who met, and how long the longer one had waited

    async def come(self, person: Person, number: int) -> None:
        person.server = self.servers[number % 2]
        languages = ["eu"] if number == 0 else LANGUAGES[number % len(LANGUAGES)]
        self.guests[person.username] = Guest(person, await person.connect(), INTERESTS[number % len(INTERESTS)], languages)

    async def wait_for_the_next(self, guest: Guest) -> None:
        guest.since_ms = self.clock.at_ms()
        await enter(guest.listener, interests=guest.interests, languages=guest.languages)

    async def look(self) -> None:
        """Both processes look at the queue, and everybody has heard whom they met."""
        await asyncio.gather(*(server.app.meetings._turn() for server in self.servers))

        async def told() -> bool:
            async with self.servers[0].app.db.read() as conn:
                rows = (await conn.execute(select(func.count()).select_from(tables.meeting))).scalar_one()
            return 2 * int(rows) == sum(len(guest.met()) for guest in self.guests.values())

        await until(told, "everybody to hear whom they met")

    def note(self) -> list[Guest]:
        """Those who met somebody since the last look."""
        new = [guest for guest in self.guests.values() if len(guest.met()) > len(guest.waits_ms)]
        for guest in new:
            guest.waits_ms.append(self.clock.at_ms() - guest.since_ms)
        for guest in new:
            told = guest.met()[-1]
            peer = self.guests[told["peer"]["username"]]
            assert peer.met()[-1]["meeting"] == told["meeting"], "both met each other"
            assert peer.met()[-1]["peer"]["username"] == guest.name
            self.pairs[told["meeting"]] = (guest, peer, max(guest.waits_ms[-1], peer.waits_ms[-1]))
        return new


async def test_a_crowd_in_two_processes_meets_fairly(distributed: dict[str, str], start_server: StartServer) -> None:
    """Everybody meets three others, and nobody waits longer than the last widening; who fits less meets only after the wait that the
    documents name; blocked, reported and muted people never do."""
    clock = FakeClock()
    one, other = await start_server(clock=clock, **distributed), await start_server(clock=clock, **distributed)
    people = await asyncio.gather(*(one.person(f"guest{number}") for number in range(PEOPLE)))
    apart = {frozenset(("guest2", "guest6")), frozenset(("guest3", "guest7")), frozenset(("guest4", "guest8"))}
    assert (await people[2].put("/api/v1/blocks/guest6")).status == 204
    report = {"target": {"kind": "user", "username": "guest7"}, "reason": "spam", "block": False}
    assert (await people[3].post("/api/v1/reports", report)).status in (200, 201)
    assert (await people[4].put("/api/v1/feed/muted/guest8")).status == 204
    crowd = Crowd((one, other), clock)
    for number, person in enumerate(people):
        await crowd.come(person, number)
    await asyncio.gather(*map(crowd.wait_for_the_next, crowd.guests.values()))
    while min(len(guest.waits_ms) for guest in crowd.guests.values()) < MEETINGS:
        await crowd.look()
        new = crowd.note()
        longest_ms = max([clock.at_ms() - guest.since_ms for guest in crowd.guests.values() if guest not in new], default=0)
        assert longest_ms <= RECENT_MS + 2 * STEP_S * 1000, "somebody waits for ever"
        await asyncio.gather(*map(crowd.wait_for_the_next, new))
        clock.advance(STEP_S)
    met = Counter(frozenset((a.name, b.name)) for a, b, _ in crowd.pairs.values())
    assert not apart & met.keys()
    assert any(a.person.server is not b.person.server for a, b, _ in crowd.pairs.values())
    first: set[frozenset[str]] = set()
    for a, b, waited_ms in crowd.pairs.values():
        slack_ms = STEP_S * 1000
        if a.languages and b.languages and not set(a.languages) & set(b.languages):
            assert waited_ms >= LANGUAGE_MS - slack_ms, (a.name, b.name)
        if a.interests and b.interests and not set(a.interests) & set(b.interests):
            assert waited_ms >= INTEREST_MS - slack_ms, (a.name, b.name)
        pair = frozenset((a.name, b.name))
        assert pair not in first or waited_ms >= RECENT_MS - slack_ms, (a.name, b.name)
        first.add(pair)
    for guest in crowd.guests.values():
        assert (await guest.listener.call("match:leave"))["ok"]
    await crowd.look()
    crowd.note()
    # A report ends a meeting at once, in both processes, and the two do not meet again however long they wait.
    met_so_far = {frozenset((a.name, b.name)) for a, b, _ in crowd.pairs.values()}
    strangers = (pair for pair in combinations(crowd.guests.values(), 2) if frozenset(one.name for one in pair) not in apart | met_so_far)
    here, there = next(pair for pair in strangers if pair[0].person.server is not pair[1].person.server)
    for guest in (here, there):
        guest.interests, guest.languages = [], []
        await crowd.wait_for_the_next(guest)
    await until(lambda: all(len(guest.met()) > len(guest.waits_ms) for guest in (here, there)), "the two to meet")
    assert {guest.name for guest in crowd.note()} == {here.name, there.name}
    meeting = here.met()[-1]["meeting"]
    report["target"] = {"kind": "user", "username": there.name}
    assert (await here.person.post("/api/v1/reports", report)).status in (200, 201)
    for guest in (here, there):
        over = {"meeting": meeting, "reason": "left"}
        await until(lambda guest=guest, over=over: over in guest.listener.heard("match:ended"), "the end of the meeting")
        await crowd.wait_for_the_next(guest)
    for _ in range(2):
        clock.advance(60)
        await crowd.look()
    assert crowd.note() == []
