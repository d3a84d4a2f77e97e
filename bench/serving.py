"""A livecore of the bench's own: `livecore serve` on free ports with a data directory that is gone afterwards, and people on it."""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench import processes
from bench.load import LoadFailed

READY_S = 60.0
STOP_S = 20.0
# Hashes at once: as many as the server makes at once by default, more only wait.
SIGN_UP_AT_ONCE = 4
CODE_WAIT_S = 10.0


@dataclass
class Person:
    username: str
    password: str
    access: str
    id: str


@dataclass
class Server:
    """`pids`: the roots of its process trees. `data_dir`: None when it is not ours."""

    url: str
    pids: list[int]
    data_dir: Path | None = None
    people: list[Person] = field(default_factory=list)

    def sample(self) -> processes.Sample:
        return processes.sample(self.pids)


@contextlib.asynccontextmanager
async def livecore(cores: set[int], **settings: Any) -> AsyncIterator[Server]:
    """Start one, wait until it answers, stop it and remove its data.

    Args:
        cores: which its processes may run on; empty leaves that to the system.
        settings: beside what a load test needs (free ports, rates that do not stop it).
    """
    directory = Path(tempfile.mkdtemp(prefix="livecore-bench-"))
    chosen = {
        "host": "127.0.0.1",
        "port": 0,
        "media_port": 0,
        "media_workers": 1,
        "data_dir": directory,
        "rate_scale": 1e6,
        "log_level": "warning",
        "devices_per_account": 50,
        "drain_s": 1,
    } | settings
    environment = processes.environment() | {f"LIVECORE_{name.upper()}": str(value) for name, value in chosen.items()}
    log = directory / "server.log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _SERVE,
            "serve",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=sink,
            env=environment,
            start_new_session=True,
        )
    # At once: what it starts later inherits the cores.
    processes.pin(process.pid, cores)
    try:
        url = await _ready(process, log)
        yield Server(url, [process.pid], directory)
    finally:
        await _stop(process)
        shutil.rmtree(directory, ignore_errors=True)


# The supervisor as `livecore serve` runs it, telling its address as a line instead of a panel for people.
_SERVE = """
import asyncio, signal, sys
import uvloop
from livecore import config
from livecore.platform import logs
from livecore.supervisor import Supervisor

async def main():
    settings = config.load()
    logs.configure(settings)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    supervisor = Supervisor(settings, on_ready=lambda url: print(url, flush=True))
    try:
        await supervisor.start()
        await stop.wait()
    finally:
        await supervisor.stop()

uvloop.run(main())
"""


async def _ready(process: asyncio.subprocess.Process, log: Path) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_S):
            line = (await process.stdout.readline()).decode().strip()
    except TimeoutError:
        line = ""
    if not line.startswith("http"):
        last = log.read_text(errors="replace").strip().splitlines()[-5:]
        raise LoadFailed("livecore did not start: " + " | ".join(last or ["it said nothing"]))
    return line.replace("localhost", "127.0.0.1")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        # The group holds the supervisor alone: its children hear from the kernel that their parent is gone.
        process.kill()
        await process.wait()


async def sign_up(server: Server, count: int, told: Callable[[int], None]) -> list[Person]:
    """Make `count` verified accounts; `told` hears how many there are. Raises LoadFailed with the server's answer."""
    at_once = asyncio.Semaphore(SIGN_UP_AT_ONCE)
    people: list[Person] = []
    first = len(server.people)
    async with aiohttp.ClientSession(server.url) as http:

        async def one(number: int) -> None:
            async with at_once:
                people.append(await _sign_up(http, server, number))
                told(len(people))

        await asyncio.gather(*(one(first + index) for index in range(count)))
    people.sort(key=lambda person: person.username)
    server.people += people
    return people


async def _sign_up(http: aiohttp.ClientSession, server: Server, number: int) -> Person:
    username, password = f"bench{number:05d}", f"correct horse {number} battery"
    email, phone = f"{username}@example.org", f"+4915112{number:06d}"
    made = await call(
        http,
        "POST",
        "/api/v1/accounts",
        {
            "username": username,
            "password": password,
            "name": f"Bench {number}",
            "email": email,
            "phone": phone,
            "birth_date": "1990-05-17",
            "accept": {"privacy": 1, "terms": 1},
            "device": {"id": f"bench-{number}", "name": "Bench"},
        },
        status=201,
    )
    person = Person(username, password, made["tokens"]["access"], made["account"]["id"])
    for channel, target in (("phone", phone), ("email", email)):
        code = await _code(server, target)
        await call(http, "POST", "/api/v1/accounts/verify", {"channel": channel, "code": code}, token=person.access)
    return person


async def _code(server: Server, target: str) -> str:
    """The newest code sent to a phone or mail address, from the data directory's outbox."""
    assert server.data_dir is not None
    outbox = server.data_dir / "outbox.jsonl"
    deadline = asyncio.get_running_loop().time() + CODE_WAIT_S
    while asyncio.get_running_loop().time() < deadline:
        for line in reversed(outbox.read_text().splitlines() if outbox.exists() else []):
            message = json.loads(line)
            if message["to"] == target and message.get("code"):
                return str(message["code"])
        await asyncio.sleep(0.02)
    raise LoadFailed("no code was sent to an account that was just made")


async def befriend(http: aiohttp.ClientSession, one: Person, other: Person) -> None:
    """By default people take messages from friends alone."""
    asked = await call(http, "POST", "/api/v1/friend-requests", {"username": other.username}, token=one.access, status=201)
    await call(http, "POST", f"/api/v1/friend-requests/{asked['id']}/accept", token=other.access)


async def call(http: aiohttp.ClientSession, method: str, path: str, body: Any = None, *, token: str = "", status: int | None = None) -> Any:
    """A REST call's JSON. Raises LoadFailed naming what the server answered instead."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with http.request(method, path, json=body, headers=headers) as response:
        text = await response.text()
        if response.status >= 400 or (status is not None and response.status != status):
            raise LoadFailed(f"{method} {path}: {response.status} {text[:300]}")
        return json.loads(text) if text else None
