"""Schedules of what can happen to people who talk: made by chance from a seed, or by hypothesis, which makes a failing one short."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies

from tests.rooms.devices import Device
from tests.rooms.history import faults
from tests.rooms.talk import direct, friends, group
from tests.serving import Server
from tests.waiting import until

# Anna, Ben (twice) and Carl: Carl is in the group alone.
DEVICES = 4


@dataclass(frozen=True)
class Send:
    """`wait`: for every answer that is out; else the next step comes while this one is under way."""

    device: int
    conversation: int
    wait: bool


@dataclass(frozen=True)
class Drop:
    """The connection closes."""

    device: int


@dataclass(frozen=True)
class Die:
    """The client ends as by `kill -9`: nothing is said, the peer learns of it from its kernel."""

    device: int


@dataclass(frozen=True)
class Break:
    """Something on the server's side breaks, and comes back: a word that the world knows."""

    what: str


Step = Send | Drop | Die | Break


def by_chance(seed: int, length: int, breaks: Sequence[str] = (), count: int = 0) -> list[Step]:
    """A schedule of `length` steps in which `count` times something of `breaks` breaks, never in its first tenth."""
    chance = random.Random(seed)
    at = set(chance.sample(range(length // 10, length), count)) if breaks else set()
    steps: list[Step] = []
    for index in range(length):
        device, dice = chance.randrange(DEVICES), chance.random()
        if index in at:
            steps.append(Break(chance.choice(breaks)))
        elif dice < 0.06:
            steps.append(Drop(device))
        elif dice < 0.1:
            steps.append(Die(device))
        else:
            steps.append(Send(device, chance.randrange(2), wait=dice < 0.6))
    return steps


def any_steps(breaks: Sequence[str] = (), *, most: int = 40) -> strategies.SearchStrategy[list[Step]]:
    """hypothesis' schedules."""
    device = strategies.integers(0, DEVICES - 1)
    step: strategies.SearchStrategy[Step] = strategies.one_of(
        strategies.builds(Send, device, strategies.integers(0, 1), strategies.booleans()),
        strategies.builds(Drop, device),
        strategies.builds(Die, device),
        *([strategies.builds(Break, strategies.sampled_from(list(breaks)))] if breaks else []),
    )
    return strategies.lists(step, max_size=most)


@dataclass
class World:
    """`servers`: people are spread over them; `breaking`: what each word of a `Break` does."""

    servers: Sequence[Server]
    breaking: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)


async def play(world: World, steps: Sequence[Step]) -> None:
    """Play a schedule; fails naming every loss, doubling, disorder or invention."""
    people = await friends(world.servers[0], "anna", "ben", "carl")
    talks = [await direct(people[0], people[1]), await group(people[0], *people[1:])]
    devices = [
        Device(person, f"{person.username}-1", person.access, frozenset(talks[1:] if person is people[2] else talks)) for person in people
    ]
    await people[1].sign_in({"id": "second", "name": "Second"})
    devices.append(Device(people[1], "ben-2", people[1].access, frozenset(talks)))
    for index, device in enumerate(devices):
        device.server = world.servers[index % len(world.servers)]
        assert await device.connect()
    attempted: set[str] = set()
    doing: set[asyncio.Task[None]] = set()
    for number, step in enumerate(steps):
        match step:
            case Break(what):
                await world.breaking[what]()
            case Drop(index):
                await devices[index].drop()
            case Die(index):
                await devices[index].die()
            case Send(index, conversation, wait):
                device = devices[index]
                if not device.is_connected:
                    await device.connect()
                    continue
                client_id = f"{device.name}:{number}"
                attempted.add(client_id)
                mine = [talk for talk in talks if talk in device.log.conversations]
                task = asyncio.create_task(device.send(mine[conversation % len(mine)], client_id))
                doing.add(task)
                task.add_done_callback(doing.discard)
                await (asyncio.gather(*doing) if wait else asyncio.sleep(0))
    await asyncio.gather(*doing)
    for device in devices:
        await until(device.settle, f"{device.name} to come back and have every answer")

    def found() -> list[str]:
        accepted = [one for device in devices for one in device.accepted]
        return faults(accepted, attempted, [device.log for device in devices])

    try:
        await until(lambda: not found(), patience_s=10)
    except AssertionError:
        assert found() == []
    assert {one.client_id for device in devices for one in device.accepted} == attempted
    for device in devices:
        await device.drop()
