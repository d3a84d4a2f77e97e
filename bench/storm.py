"""People who sign in beside another load, so many at once: each of them costs the server a password hash."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import aiohttp

from bench.load import LoadFailed
from bench.serving import Person, Server

# A storm's own accounts: a sign-in gives a device, and devices of those who talk would change what they are sent.
ACCOUNTS = 4
BEGIN_S = 30.0


@dataclass
class Storm:
    """`sign_ins`: answered so far."""

    sign_ins: int = 0
    begun: float = 0.0

    def per_s(self) -> float:
        return self.sign_ins / (time.monotonic() - self.begun)


@contextlib.asynccontextmanager
async def sign_ins(server: Server, people: Sequence[Person], at_once: int) -> AsyncIterator[Storm]:
    """`at_once` sign-ins wait for their answers all the time, from before the block to its end. Raises LoadFailed when one is refused."""
    storm = Storm()

    async def sign_in(http: aiohttp.ClientSession, number: int) -> None:
        person = people[number % len(people)]
        body = {"login": person.username, "password": person.password, "device": {"id": f"storm-{number % 32}", "name": "Storm"}}
        while True:
            async with http.post("/api/v1/sessions", json=body) as answer:
                if answer.status != 201:
                    raise LoadFailed(f"a sign-in of the storm: {answer.status} {(await answer.text())[:200]}")
                await answer.read()
            storm.sign_ins += 1

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(server.url, connector=connector, timeout=aiohttp.ClientTimeout(60)) as http:
        tasks = [asyncio.create_task(sign_in(http, number)) for number in range(at_once)]
        try:
            async with asyncio.timeout(BEGIN_S):
                while not storm.sign_ins and not any(task.done() for task in tasks):
                    await asyncio.sleep(0.01)
            storm.sign_ins, storm.begun = 0, time.monotonic()
            yield storm
        finally:
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in ended:
            task.result()
