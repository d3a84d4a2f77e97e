"""Walks through the feed while everything else goes on: whatever others write, show live, delete, narrow or have taken down, and whatever
the walker blocks, hides and mutes between two pages and during one, nothing comes twice, nothing that stayed is missing, and nothing comes
that may not be seen any more. On SQLite by one process, which is now and then another one for the next page; on PostgreSQL by two, page
by turns."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete

from livecore.config import Settings
from livecore.feed import service
from livecore.feed.tables import post
from livecore.library.tables import video
from livecore.lives.tables import live
from tests.clocks import ShiftedClock
from tests.feed.seeding import seed_posts, seed_videos
from tests.people import Person
from tests.serving import Answer, Server
from tests.trust.filing import decide, file_claim

T = TypeVar("T")
# Vera walks. Anna and Ben are her friends at first, nobody knows Cara.
AUTHORS = ("anna", "ben", "cara", "vera")
OTHERS = st.sampled_from(AUTHORS[:3])
# Of an author's items the newest more often than the others: what came while the walk goes on, lives among them.
NUMBERS = st.sampled_from((0, 0, 0, 1, 1, 2, 5, 8, 13))
PAGES_LIMIT = 100


@dataclass
class Item:
    kind: str
    id: str
    author: str
    audience: str = "everyone"
    is_there: bool = True
    is_taken_down: bool = False
    is_hidden: bool = False
    receipt: Mapping[str, Any] | None = None  # of the claim that took it down


class World:
    """The processes of one platform, for every example. `restarts`: how often in all one may give way to another."""

    def __init__(self, directory: Path, processes: int, restarts: int, **engines: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.settings = Settings(data_dir=directory, media_port=0, media_workers=1, rate_scale=10_000.0, **engines)
        self.restarts = restarts
        self.people: dict[str, Person] = {}
        self.servers = self.run(self._start(processes))

    @property
    def server(self) -> Server:
        """By which all act but who reads the pages."""
        return self.servers[0]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _begun(self) -> Server:
        server = Server(self.settings, clock=ShiftedClock())
        await server.start()
        return server

    async def _start(self, processes: int) -> list[Server]:
        servers = [await self._begun() for _ in range(processes)]
        for name in AUTHORS:
            self.people[name] = await servers[0].person(name)
        self.staff = await servers[0].person("mona", staff="legal")
        return servers

    async def restart(self) -> None:
        self.restarts -= 1
        await self.servers[0].stop()
        self.servers[0] = await self._begun()
        for person in (*self.people.values(), self.staff):
            person.server = self.servers[0]

    async def page(self, number: int, path: str) -> Answer:
        """Of Vera's feed, from the processes by turns."""
        return await self.servers[number % len(self.servers)].call("GET", path, token=self.people["vera"].access)

    async def reset(self, *, personalised: bool) -> list[Item]:
        """Nothing between them but two friendships, and some items of each, one above the other."""
        vera = self.people["vera"]
        async with self.server.app.db.write() as conn:
            await conn.execute(delete(post))
            await conn.execute(delete(video))
            await conn.execute(delete(live))
        await self.server.app.choices.erase(vera.id)
        for name in AUTHORS[:3]:
            await vera.delete(f"/api/v1/blocks/{name}")
            await self.people[name].delete("/api/v1/blocks/vera")
            await vera.delete(f"/api/v1/friends/{name}")
        for name in ("anna", "ben"):
            await self.server.befriend(self.people[name], vera)
        await vera.patch("/api/v1/me/settings", {"personalised": personalised})
        items = []
        for step_ms, name in enumerate(AUTHORS, start=3):
            person = self.people[name]
            # Some in the same millisecond, those of several people among one another.
            items += [Item("post", found, name) for found in await seed_posts(self.server, person, 5, step_ms=step_ms * 1000)]
            items += [Item("video", found, name) for found in await seed_videos(self.server, person, 3, step_ms=step_ms * 2000)]
        return items

    async def goes_live(self, author: str, audience: str) -> Answer:
        """On the air, as when its first picture arrives; a live goes on without its pictures."""
        made = await self.people[author].post("/api/v1/lives", {"title": "Now", "visibility": audience, "record": False})
        if made.status == 201:
            publication_id = await self.server.app.publications.host_publication(made.json["id"])
            await self.server.app.course.publication_up(made.json["id"], publication_id, "VP8")
        return made

    async def take_down(self, item: Item) -> None:
        item.receipt = await file_claim(self.server, {"kind": item.kind, "id": item.id})
        await decide(self.staff, item.receipt["id"], "uphold")

    async def withdraw(self, receipt: Mapping[str, Any]) -> Answer:
        return await self.server.call("POST", f"/api/v1/claims/{receipt['id']}/withdraw", token=receipt["token"])

    def close(self) -> None:
        for server in self.servers:
            self.run(server.stop())
        self.loop.close()


@pytest.fixture
def begin_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    # Several windows for some thirty items, and lifted ones among them.
    monkeypatch.setattr(service, "WINDOW_ITEMS", 7)
    monkeypatch.setattr(service, "LIFTED_ITEMS", 3)
    monkeypatch.setattr(service, "SPAN_MS", 4000)
    begun: list[World] = []

    def begin(**settings: Any) -> World:
        begun.append(World(tmp_path, **settings))
        return begun[-1]

    yield begin
    for world in begun:
        world.close()


class Walking(RuleBasedStateMachine):
    """The model: what there is, who stands how to Vera, and what of it must still come in the walk that goes on."""

    world: World

    @initialize(personalised=st.booleans())
    def begin(self, personalised: bool) -> None:
        self.items = {item.id: item for item in self.world.run(self.world.reset(personalised=personalised))}
        self.friends = {"anna", "ben"}
        self.blocked: set[str] = set()  # either way
        self.muted: set[str] = set()
        self.scope = ""
        self.cursor: str | None = None
        self.pages = 0
        self.seen: list[str] = []
        self.times: list[int] = []
        self.personalised, self.is_ranked = personalised, False
        self.due: set[str] = set()
        self.start("discover")

    # -- the model

    def may_come(self, item: Item) -> bool:
        """Whether Vera may be shown it in this walk."""
        if not item.is_there or item.is_taken_down or item.is_hidden or item.author in self.blocked | self.muted:
            return False
        if item.author == "vera":
            return True
        is_near = item.author in self.friends
        return (item.audience == "everyone" or (item.audience == "friends" and is_near)) and (self.scope == "discover" or is_near)

    def may_all(self) -> set[str]:
        return {item.id for item in self.items.values() if self.may_come(item)}

    def of(self, author: str, number: int) -> Item | None:
        theirs = [item for item in self.items.values() if item.author == author and item.is_there]
        return theirs[-1 - number % len(theirs)] if theirs else None

    def changed(self) -> None:
        """What may not come at this moment is not due any more, even if it may again later."""
        must = {item.id for item in self.items.values() if self.may_come(item) and (self.scope == "home" or item.audience == "everyone")}
        self.due &= must

    # -- the walk

    def take(self, answer: Answer, allowed: set[str]) -> None:
        assert answer.status == 200, answer
        ids = [item["id"] for item in answer.json["items"]]
        for found in ids:
            assert found not in self.seen, ("twice", self.items[found])
            assert found in allowed, ("may not come", self.items.get(found))
            self.seen.append(found)
        if not self.is_ranked:
            self.times += [item["started_at"] if item["kind"] == "live" else item["created_at"] for item in answer.json["items"]]
            assert self.times == sorted(self.times, reverse=True), "not by time"
        self.cursor = answer.json["next_cursor"]
        if self.cursor is None:
            assert self.due <= set(self.seen), ("lost", [self.items[lost] for lost in self.due - set(self.seen)])

    def ask(self, limit: int) -> Coroutine[Any, Any, Answer]:
        cursor = f"&cursor={self.cursor}" if self.cursor else ""
        self.pages += 1
        return self.world.page(self.pages, f"/api/v1/feed?scope={self.scope}&limit={limit}{cursor}")

    def start(self, scope: str, limit: int = 3) -> None:
        self.scope, self.cursor, self.seen, self.times = scope, None, [], []
        self.is_ranked = scope == "discover" and self.personalised
        self.due = set(self.items)
        self.changed()
        self.take(self.world.run(self.ask(limit)), self.may_all())

    @rule(scope=st.sampled_from(["home", "discover"]), limit=st.integers(1, 9))
    def walk_anew(self, scope: str, limit: int) -> None:
        self.finish()
        self.start(scope, limit)

    @precondition(lambda self: self.cursor is not None)
    @rule(limit=st.integers(1, 9))
    def go_on(self, limit: int) -> None:
        self.take(self.world.run(self.ask(limit)), self.may_all())

    @precondition(lambda self: self.cursor is not None and self.world.restarts)
    @rule()
    def another_process_takes_over(self) -> None:
        self.world.run(self.world.restart())

    def finish(self) -> None:
        for _ in range(PAGES_LIMIT):
            if self.cursor is None:
                return
            self.take(self.world.run(self.ask(7)), self.may_all())
        raise AssertionError("a walk without an end")

    def teardown(self) -> None:
        if hasattr(self, "items"):
            self.finish()

    def do(
        self, during: bool, work: Coroutine[Any, Any, Answer], note: Callable[[], None], *, statuses: tuple[int, ...] = (204,)
    ) -> Answer:
        """A change between two pages, or while one is read: that page may show what was or what is."""
        if not during or self.cursor is None:
            answer = self.world.run(work)
            note()
            self.changed()
            assert answer.status in statuses, answer
            return answer

        async def both() -> tuple[Answer, Answer]:
            page, answer = await asyncio.gather(self.ask(4), work)
            return page, answer

        before = self.may_all()
        page, answer = self.world.run(both())
        assert answer.status in statuses, answer
        note()
        self.changed()
        allowed = before | self.may_all()
        if answer.status == 201:
            allowed.add(answer.json["id"])
        self.take(page, allowed)
        return answer

    # -- what others do

    @rule(author=st.sampled_from(AUTHORS), during=st.booleans())
    def write(self, author: str, during: bool) -> None:
        work = self.world.people[author].post("/api/v1/posts", {"text": "meanwhile"})
        made = self.do(during, work, lambda: None, statuses=(201,)).json["id"]
        self.items[made] = Item("post", made, author)

    @rule(author=st.sampled_from(AUTHORS), audience=st.sampled_from(["everyone", "friends", "nobody"]), during=st.booleans())
    def go_live(self, author: str, audience: str, during: bool) -> None:
        made = self.do(during, self.world.goes_live(author, audience), lambda: None, statuses=(201,)).json["id"]
        self.items[made] = Item("live", made, author, audience)

    @rule(author=st.sampled_from(AUTHORS), number=NUMBERS, during=st.booleans())
    def remove(self, author: str, number: int, during: bool) -> None:
        self._remove(self.of(author, number), during)

    @precondition(lambda self: any(item.kind == "live" and item.is_there for item in self.items.values()))
    @rule(number=NUMBERS, by_claim=st.booleans(), during=st.booleans(), anew=st.booleans())
    def end_a_live(self, number: int, by_claim: bool, during: bool, anew: bool) -> None:
        on_air = [item for item in self.items.values() if item.kind == "live" and item.is_there]
        item = on_air[number % len(on_air)]
        if by_claim:
            self._take_down(item)
        else:
            self._remove(item, during)
        if anew:
            self.finish()
            self.start("discover", 9)

    def _remove(self, item: Item | None, during: bool) -> None:
        if item is not None and not item.is_taken_down:
            person, path = self.world.people[item.author], f"/api/v1/{item.kind}s/{item.id}"
            work = person.post(f"{path}/end") if item.kind == "live" else person.delete(path)
            self.do(during, work, lambda: setattr(item, "is_there", False), statuses=(200, 204))

    @rule(author=OTHERS, number=NUMBERS, audience=st.sampled_from(["everyone", "friends", "nobody"]), during=st.booleans())
    def show_to(self, author: str, number: int, audience: str, during: bool) -> None:
        item = self.of(author, number)
        if item is not None and not item.is_taken_down:
            work = self.world.people[author].patch(f"/api/v1/{item.kind}s/{item.id}", {"visibility": audience})
            self.do(during, work, lambda: setattr(item, "audience", audience), statuses=(200,))

    @rule(author=st.sampled_from(AUTHORS), number=NUMBERS)
    def take_down(self, author: str, number: int) -> None:
        self._take_down(self.of(author, number))

    def _take_down(self, item: Item | None) -> None:
        if item is not None and not item.is_taken_down:
            self.world.run(self.world.take_down(item))
            item.is_taken_down = True
            item.is_there = item.kind != "live"  # which ends by it
            self.changed()

    @rule(number=NUMBERS, during=st.booleans())
    def withdraw_the_claim(self, number: int, during: bool) -> None:
        down = [item for item in self.items.values() if item.is_taken_down]
        if down:
            item = down[number % len(down)]
            assert item.receipt is not None
            self.do(during, self.world.withdraw(item.receipt), lambda: setattr(item, "is_taken_down", False), statuses=(200,))

    # -- what is between them

    @rule(name=OTHERS, by_vera=st.booleans(), during=st.booleans())
    def block(self, name: str, by_vera: bool, during: bool) -> None:
        one, other = ("vera", name) if by_vera else (name, "vera")
        self.do(during, self.world.people[one].put(f"/api/v1/blocks/{other}"), lambda: self.blocked.add(name))

    @rule(name=OTHERS)
    def unblock(self, name: str) -> None:
        for one, other in (("vera", name), (name, "vera")):
            self.world.run(self.world.people[one].delete(f"/api/v1/blocks/{other}"))
        self.blocked.discard(name)
        self.changed()

    @rule(name=OTHERS, during=st.booleans())
    def part(self, name: str, during: bool) -> None:
        if name in self.friends - self.blocked:
            self.do(during, self.world.people["vera"].delete(f"/api/v1/friends/{name}"), lambda: self.friends.discard(name))

    @rule(name=OTHERS)
    def befriend(self, name: str) -> None:
        if name not in self.friends | self.blocked:
            self.world.run(self.world.server.befriend(self.world.people[name], self.world.people["vera"]))
            self.friends.add(name)
            self.changed()

    # -- what Vera does not want to see

    @rule(author=OTHERS, number=NUMBERS, how=st.sampled_from(["hidden", "not-interested"]), during=st.booleans())
    def hide(self, author: str, number: int, how: str, during: bool) -> None:
        item = self.of(author, number)
        if item is not None and self.may_come(item):
            work = self.world.people["vera"].put(f"/api/v1/feed/{how}/{item.id}")
            self.do(during, work, lambda: setattr(item, "is_hidden", True))

    @rule(name=OTHERS, during=st.booleans())
    def mute(self, name: str, during: bool) -> None:
        if name not in self.blocked:
            self.do(during, self.world.people["vera"].put(f"/api/v1/feed/muted/{name}"), lambda: self.muted.add(name))

    @rule(name=OTHERS)
    def unmute(self, name: str) -> None:
        self.world.run(self.world.people["vera"].delete(f"/api/v1/feed/muted/{name}"))
        self.muted.discard(name)
        self.changed()

    @rule(personalised=st.booleans())
    def let_habits_be_used(self, personalised: bool) -> None:
        """A walk goes on as it began."""
        self.world.run(self.world.people["vera"].patch("/api/v1/me/settings", {"personalised": personalised}))
        self.personalised = personalised


def check(world: World, examples: int, steps: int) -> None:
    machine = type("WalkingHere", (Walking,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            # To make a failure smaller takes many walks; its steps are told as they were.
            phases=[Phase.generate],
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_walk_repeats_nothing_loses_nothing_and_shows_nothing_that_may_not_be_seen(begin_world: Callable[..., World]) -> None:
    check(begin_world(processes=1, restarts=2), 20, 30)


@pytest.mark.postgres
@pytest.mark.redis
def test_so_do_walks_whose_pages_come_from_two_processes(postgres_url: str, redis_url: str, begin_world: Callable[..., World]) -> None:
    check(begin_world(processes=2, restarts=0, database_url=postgres_url, redis_url=redis_url), 6, 25)


@pytest.mark.deep
def test_walks_for_long(begin_world: Callable[..., World]) -> None:
    check(begin_world(processes=1, restarts=30), 120, 40)


@pytest.mark.deep
@pytest.mark.postgres
@pytest.mark.redis
def test_walks_of_two_processes_for_long(postgres_url: str, redis_url: str, begin_world: Callable[..., World]) -> None:
    check(begin_world(processes=2, restarts=3, database_url=postgres_url, redis_url=redis_url), 60, 40)
