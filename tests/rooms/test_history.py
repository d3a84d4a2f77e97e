"""Random schedules of sends, drops, reconnects and kills: no accepted message is lost, doubled or out of order."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.processes import Program
from tests.rooms.devices import Device
from tests.rooms.history import Accepted, Log, faults
from tests.rooms.talk import direct, friends, group
from tests.waiting import until

HELD = frozenset({"t"})


def test_the_checker_finds_each_kind_of_fault() -> None:
    sent = [Accepted("t", 1, "a", "ca", "d1"), Accepted("t", 2, "b", "cb", "d1")]
    attempted = {"ca", "cb", "cc"}

    def of(*kept: tuple[str, int, str, str]) -> list[str]:
        return faults(sent, attempted, [Log("d2", HELD, list(kept))])

    one, two = ("t", 1, "a", "ca"), ("t", 2, "b", "cb")
    assert of(one, two) == []
    assert of(one, two, ("t", 3, "c", "cc")) == []  # accepted, but its answer was lost
    assert any("lost" in fault for fault in of(one))
    assert any("after" in fault for fault in of(two, one))
    assert any("twice" in fault for fault in of(one, two, ("t", 3, "b", "cb")))
    assert any("another message" in fault for fault in of(one, ("t", 2, "x", "cb")))
    assert any("never sent" in fault for fault in of(one, two, ("t", 3, "z", "cz")))
    assert faults([sent[0], Accepted("t", 1, "b", "cb", "d1")], attempted, [])
    assert faults([sent[0], Accepted("t", 2, "a2", "ca", "d1")], attempted, [])


async def play(program: Program, seed: int, steps: int, kills: int) -> None:
    chance = random.Random(seed)
    people = await friends(program, "anna", "ben", "carl")
    talks = [await direct(people[0], people[1]), await group(people[0], *people[1:])]
    devices: list[Device] = []
    for person in people:
        mine = frozenset(talks if person is not people[2] else talks[1:])
        devices.append(Device(person, f"{person.username}-1", person.access, mine))
    await people[1].sign_in({"id": "second", "name": "Second"})
    devices.append(Device(people[1], "ben-2", people[1].access, frozenset(talks)))
    for device in devices:
        assert await device.connect()
    attempted: set[str] = set()
    doing: set[asyncio.Task[None]] = set()
    kill_at = set(chance.sample(range(steps // 10, steps), kills))
    for step in range(steps):
        device = chance.choice(devices)
        dice = chance.random()
        if step in kill_at:
            await program.kill()
            await asyncio.gather(*(one.drop() for one in devices))
            await program.start()
        elif dice < 0.08:
            await device.drop()
        elif not device.is_connected:
            await device.connect()
        else:
            client_id = f"{device.name}:{step}"
            attempted.add(client_id)
            task = asyncio.create_task(device.send(chance.choice(sorted(device.log.conversations)), client_id))
            doing.add(task)
            task.add_done_callback(doing.discard)
            if dice > 0.6:
                await asyncio.sleep(0)
            else:
                await asyncio.gather(*doing)
    await asyncio.gather(*doing)
    for device in devices:
        assert await device.connect()
        assert not device.unanswered

    def complete() -> bool:
        accepted = [one for device in devices for one in device.accepted]
        return not faults(accepted, attempted, [device.log for device in devices])

    accepted = [one for device in devices for one in device.accepted]
    try:
        await until(complete, patience_s=5)
    except AssertionError:
        assert faults(accepted, attempted, [device.log for device in devices]) == [], f"seed {seed}"
    assert {one.client_id for one in accepted} == attempted
    for device in devices:
        await device.drop()


@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_lost_doubled_or_out_of_order_across_kills_of_the_server(tmp_path: Path, seed: int) -> None:
    program = Program(tmp_path / "data")
    try:
        await program.start()
        await play(program, seed, steps=150, kills=2)
    finally:
        await program.stop()


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(10, 16))
async def test_long_histories(tmp_path: Path, seed: int) -> None:
    program = Program(tmp_path / "data")
    try:
        await program.start()
        await play(program, seed, steps=2000, kills=12)
    finally:
        await program.stop()
