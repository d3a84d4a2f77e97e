"""A whole livecore in this process, on a real port."""

import asyncio
import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from livecore import data
from livecore.app import App
from livecore.config import Settings
from livecore.platform.database import SQLITE_NAME, SqlDatabase, database_url
from livecore.platform.migrations import migrate
from livecore.ports import Clock
from livecore.supervisor import Supervisor
from tests.people import Person
from tests.waiting import until


class Answer:
    """A response that was read whole."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def type(self) -> str:
        """The word of a problem document; empty when this is none."""
        if not self.headers.get("Content-Type", "").startswith("application/problem+json"):
            return ""
        return str(self.json["type"]).rpartition("/")[2]

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:500]!r}>"


_fresh: list[Path] = []


async def _put_fresh_database(directory: Path) -> None:
    """The database as the migrations leave an empty one, made once a test process: they would be most of a server's start."""
    place = directory / SQLITE_NAME
    if place.exists():
        return
    if not _fresh:
        template = Path(tempfile.mkdtemp(prefix="livecore-fresh-")) / SQLITE_NAME
        atexit.register(shutil.rmtree, template.parent, ignore_errors=True)
        database = SqlDatabase(database_url("", template.parent))
        await migrate(database, data.metadata)
        await database.close()
        _fresh.append(template)
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy2(_fresh[0], place)


class Server:
    """Attributes: `app` (the composition), `url`, `settings`, `clock`."""

    def __init__(self, settings: Settings, clock: Clock, media: bool = False) -> None:
        self.settings = settings
        self.clock: Any = clock
        self.app = App(settings, clock=clock)
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None
        self._people = 0
        self.supervisor = Supervisor(settings, mains=0) if media else None

    async def start(self) -> None:
        if self.supervisor is not None:
            await self.supervisor.start()
        if self.settings.database_url:
            self._share_outbox()
        else:
            await _put_fresh_database(self.settings.data_dir)
        application = await self.app.start()
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        await self.app.listening(self.url)
        self._http = aiohttp.ClientSession()

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None
        if self._runner is not None:
            await self.app.drain()
            await self._runner.cleanup()
            self._runner = None
        await self.app.close()
        if self.supervisor is not None:
            await self.supervisor.stop()

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        assert self._http is not None
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        async with self._http.request(
            method, self.url + path, json=json, data=data, headers=sent, params=params, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers.copy(), await response.read())

    # -- what was sent by mail and text message
    @property
    def outbox(self) -> Path:
        return self.settings.data_dir / "outbox.jsonl"

    def _share_outbox(self) -> None:
        """Jobs are done by any of the processes that share a database: what they send is found by each of them."""
        word = hashlib.sha256(self.settings.database_url.encode()).hexdigest()[:12]
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not self.outbox.is_symlink():
            self.outbox.unlink(missing_ok=True)
            self.outbox.symlink_to(self.settings.data_dir.parent / f"outbox.{word}.jsonl")

    def sent(self, to: str) -> list[dict[str, Any]]:
        if not self.outbox.exists():
            return []
        lines = [json.loads(line) for line in self.outbox.read_text().splitlines() if line]
        return [line for line in lines if line["to"] == to]

    async def code(self, to: str, *, after: int = 0) -> str:
        """The newest code sent to a phone or mail address, once more than `after` have come."""
        found = await until(lambda: [line for line in self.sent(to) if line.get("code")][after:], f"a code for {to}")
        return str(found[-1]["code"])

    async def person(self, username: str | None = None, *, verify: bool = True, staff: str | None = None, **fields: Any) -> Person:
        self._people += 1
        person = Person(self, username or f"person{self._people}", self._people)
        await person.sign_up(**fields)
        if verify:
            await person.verify()
        if staff:
            await self.app.accounts.grant(person.username, staff)
            await person.sign_in()
        return person

    async def befriend(self, one: Person, other: Person) -> None:
        answer = await one.post("/api/v1/friend-requests", {"username": other.username})
        assert answer.status == 201, answer
        answer = await other.post(f"/api/v1/friend-requests/{answer.json['id']}/accept")
        assert answer.status in (200, 204), answer


async def settled() -> None:
    """Let callbacks that are already due run."""
    for _ in range(5):
        await asyncio.sleep(0)
