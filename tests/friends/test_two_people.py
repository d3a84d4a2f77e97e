"""Friendship and blocks between two people: whatever each does in whatever order, every surface shows what follows, to each, at once:
pages and lists, comments on posts and videos, presence, messages and calls."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from livecore.config import Settings
from livecore.people.friendship import NONE, Act, Effect, Pair, step, turned
from tests.clocks import ShiftedClock
from tests.library.recorded import keep
from tests.lives.test_discovery import on_air
from tests.people import Listener, Person
from tests.rooms.talk import direct
from tests.serving import Answer, Server
from tests.waiting import until

T = TypeVar("T")
WHO = st.sampled_from(["anna", "ben"])


class World:
    """One server for every example; two people who have each other's number, a live, a post and a friend link each."""

    def __init__(self, directory: Path) -> None:
        self.loop = asyncio.new_event_loop()
        chosen = Settings(data_dir=directory, media_port=0, media_workers=1, rate_scale=10_000.0)
        self.server = Server(chosen, clock=ShiftedClock())
        self.people: dict[str, Person] = {}
        self.lives: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.posts: dict[str, str] = {}
        self.videos: dict[str, str] = {}
        self.sockets: dict[str, Listener] = {}
        self.conversation = ""
        self.numbers = itertools.count()
        self.run(self._start(directory))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _start(self, directory: Path) -> None:
        await self.server.start()
        for name in ("anna", "ben"):
            self.people[name] = await self.server.person(name)
        for name, other in (("anna", "ben"), ("ben", "anna")):
            person = self.people[name]
            await person.post("/api/v1/contacts", {"authorized": True, "add": [self.people[other].phone]})
            self.lives[name] = await on_air(self.server, person, f"live of {name}")
            self.posts[name] = (await person.post("/api/v1/posts", {"text": f"a post of {name}"})).json["id"]
            self.links[name] = (await person.post("/api/v1/friend-links", {})).json["token"]
            self.videos[name] = await keep(self.server, person, directory, title=f"video of {name}")
            self.sockets[name] = await person.connect()
        await self.server.befriend(self.people["anna"], self.people["ben"])
        self.conversation = await direct(self.people["anna"], self.people["ben"])

    async def reset(self) -> None:
        for name, other in (("anna", "ben"), ("ben", "anna")):
            await self.people[name].delete(f"/api/v1/blocks/{other}")
        for name, other in (("anna", "ben"), ("ben", "anna")):
            person = self.people[name]
            # By a link they are friends whatever was before; parting then leaves nothing.
            await person.post("/api/v1/friend-links/accept", {"token": self.links[other]})
            await person.delete(f"/api/v1/friends/{other}")

    async def _stop(self) -> None:
        for listener in self.sockets.values():
            await listener.close()
        await self.server.stop()

    def close(self) -> None:
        self.run(self._stop())
        self.loop.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("two-people"))
    yield made
    made.close()


def other_of(name: str) -> str:
    return "ben" if name == "anna" else "anna"


async def requests(person: Person, *, incoming: bool) -> list[str]:
    items = (await person.get("/api/v1/friend-requests")).json["items"]
    return [item["id"] for item in items if item["incoming"] is incoming]


def holds(answer: Answer, name: str) -> bool:
    assert answer.status == 200, answer
    return f'"username":"{name}"'.encode() in answer.body


class TwoPeople(RuleBasedStateMachine):
    """The model: a pair as Anna sees it, and who blocks whom."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.world.run(self.world.reset())
        self.pair: Pair = NONE
        self.blocks: set[str] = set()
        self.silent: set[str] = set()  # calls that may ring nowhere

    # -- the model

    def seen_by(self, name: str) -> Pair:
        return self.pair if name == "anna" else turned(self.pair)

    def act(self, name: str, act: Act) -> Effect:
        after, effect = step(self.seen_by(name), act)
        self.pair = after if name == "anna" else turned(after)
        return effect

    # -- what they do

    @rule(who=WHO)
    def ask(self, who: str) -> None:
        answer = self.world.run(self.world.people[who].post("/api/v1/friend-requests", {"username": other_of(who)}))
        if other_of(who) in self.blocks:
            assert answer.status == 404, answer
        elif who in self.blocks:
            assert answer.type == "you_block"
        else:
            assert answer.status == (409 if self.act(who, Act.ASK) is Effect.REFUSED else 201), answer

    @rule(who=WHO, accepts=st.booleans())
    def answer(self, who: str, accepts: bool) -> None:
        async def do() -> Answer | None:
            person = self.world.people[who]
            waiting = await requests(person, incoming=True)
            path = f"/api/v1/friend-requests/{waiting[0]}/{'accept' if accepts else 'decline'}" if waiting else None
            return await person.post(path) if path else None

        answer = self.world.run(do())
        if answer is not None:
            assert answer.status in (200, 204), answer
            assert self.act(who, Act.ACCEPT if accepts else Act.DECLINE) is not Effect.REFUSED

    @rule(who=WHO)
    def withdraw(self, who: str) -> None:
        async def do() -> Answer | None:
            person = self.world.people[who]
            waiting = await requests(person, incoming=False)
            return await person.delete(f"/api/v1/friend-requests/{waiting[0]}") if waiting else None

        answer = self.world.run(do())
        if answer is not None:
            assert answer.status == 204, answer
            assert self.act(who, Act.WITHDRAW) is not Effect.REFUSED

    @rule(who=WHO)
    def part(self, who: str) -> None:
        answer = self.world.run(self.world.people[who].delete(f"/api/v1/friends/{other_of(who)}"))
        assert answer.status == (404 if self.act(who, Act.REMOVE) is Effect.REFUSED else 204), answer

    @rule(who=WHO)
    def take_link(self, who: str) -> None:
        answer = self.world.run(self.world.people[who].post("/api/v1/friend-links/accept", {"token": self.world.links[other_of(who)]}))
        if self.blocks:
            assert answer.status == 404, answer
        else:
            # By a friend it changes nothing.
            self.act(who, Act.BEFRIEND)
            assert answer.status == 200, answer

    @rule(who=WHO)
    def block(self, who: str) -> None:
        assert self.world.run(self.world.people[who].put(f"/api/v1/blocks/{other_of(who)}")).status == 204
        self.blocks.add(who)

    @rule(who=WHO)
    def unblock(self, who: str) -> None:
        assert self.world.run(self.world.people[who].delete(f"/api/v1/blocks/{other_of(who)}")).status == 204
        self.blocks.discard(who)

    # -- what each sees

    @invariant()
    def every_surface_shows_it_to_each(self) -> None:
        for name in ("anna", "ben"):
            self.world.run(self._check(name))

    async def _check(self, name: str) -> None:
        person, other, pair = self.world.people[name], other_of(name), self.seen_by(name)
        apart = bool(self.blocks)
        settled = pair.friends or bool(pair.asked | pair.declined)
        profile = await person.get(f"/api/v1/users/{other}")
        if other in self.blocks:
            assert profile.status == 404
        else:
            # To the one who asked a refusal looks as if the request still waited.
            asked = "me" in pair.asked | pair.declined
            words = [(name in self.blocks, "blocked"), (pair.friends, "friends"), (asked, "requested"), ("other" in pair.asked, "asked")]
            assert profile.json["standing"] == next((word for true, word in words if true), "none")
            assert (profile.json["name"] is None) == apart
            assert profile.json["can_message"] == (pair.friends and not apart)
        shown = {
            "/api/v1/users?q=" + other: not apart,
            "/api/v1/discover/people": not apart and not settled,
            "/api/v1/discover/lives": not apart,
            "/api/v1/feed?scope=discover": not apart,
            "/api/v1/feed?scope=home": pair.friends and not apart,
            "/api/v1/posts?scope=discover": not apart,
            "/api/v1/search?q=post": not apart,
            "/api/v1/lives": not apart,
            "/api/v1/contacts": not apart,
            "/api/v1/friends": pair.friends and not apart,
            "/api/v1/friend-requests": not apart and (bool(pair.asked) or "me" in pair.declined),
            "/api/v1/blocks": name in self.blocks,
        }
        for surface, expected in shown.items():
            answer = await person.get(surface)
            assert holds(answer, other) == expected, (name, surface, self.blocks, pair)
        live = await person.get(f"/api/v1/lives/{self.world.lives[other]}")
        assert live.status == (404 if apart else 200)
        for what in (f"posts/{self.world.posts[other]}", f"videos/{self.world.videos[other]}"):
            for path in (f"/api/v1/{what}", f"/api/v1/{what}/comments"):
                assert (await person.get(path)).status == (404 if apart else 200), path
            said = await person.post(f"/api/v1/{what}/comments", {"text": "hello"})
            assert said.status == (404 if apart else 201), said
            if not apart:
                assert (await person.delete(f"/api/v1/{what}/comments/{said.json['id']}")).status == 204
        await self._check_sockets(name, close=pair.friends and not apart)
        link = await person.post("/api/v1/friend-links/open", {"token": self.world.links[other]})
        assert link.status == (404 if apart else 200)
        mutual = await person.get(f"/api/v1/users/{other}/mutual-friends")
        assert mutual.status == (404 if other in self.blocks else 200)

    async def _check_sockets(self, name: str, *, close: bool) -> None:
        """Friends who are not apart see each other come, hear each other and can be rung; nobody else."""
        mine, theirs = self.world.sockets[name], self.world.sockets[other_of(name)]
        here = (await mine.call("presence:subscribe", {"users": [other_of(name)]}))["data"]["users"]
        assert [one["user"] for one in here if one["status"] != "offline"] == ([other_of(name)] if close else [])
        body = f"{'open' if close else 'kept'} {next(self.world.numbers)} of {name}"
        await mine.call("message:send", {"conversation": self.world.conversation, "client_id": body, "body": body})
        if close:
            await until(lambda: body in [one["body"] for one in theirs.heard("message:new")], "a friend's message")
        assert not [one for one in theirs.heard("message:new") if one["body"].startswith("kept") and one["sender"] == name]
        # Whom the other blocks is not told: it rings for them, and nowhere else.
        rung = await mine.call("call:start", {"user": other_of(name)})
        assert rung["ok"] == (close or (other_of(name) in self.blocks and name not in self.blocks)), rung
        if rung["ok"]:
            call = rung["data"]["call"]
            if close:
                await until(lambda: call in [one["call"] for one in theirs.heard("call:ringing")], "the ringing")
            assert (await mine.call("call:end", {"call": call}))["ok"]
            self.silent |= set() if close else {call}
        assert not self.silent & {one["call"] for one in theirs.heard("call:ringing")}


def check(world: World, examples: int, steps: int) -> None:
    machine = type("TwoPeopleHere", (TwoPeople,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_two_people_do_every_surface_shows_it_to_each_at_once(world: World) -> None:
    check(world, 6, 10)


@pytest.mark.deep
def test_whatever_two_people_do_for_long(world: World) -> None:
    check(world, 30, 25)
