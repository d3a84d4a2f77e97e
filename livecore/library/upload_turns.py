"""Who writes to an upload: one request at a time, and the newest.

A request writes its own word into the record: an older one's next commit then finds that it is not the holder any more, whichever
process it runs in and whether that still lives. In the same process it is also told at once, keeps what it has, and ends. In another
process a bell tells it, so that a request whose client is silent gives the file's lock away; what it has not recorded is sent again.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import update

from livecore.library.upload_tables import upload
from livecore.ports import Bus, Database, Delivery

# An upload's id and the word of the request that goes on with it.
TOPIC = "uploads.taken"


class Body(Protocol):
    """What a request brings."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Raises OSError when the client goes, `Interrupted` after `interrupt`."""

    def interrupt(self) -> None: ...


class Interrupted(Exception):
    """A newer request goes on with this upload."""


@dataclass
class _Running:
    body: Body
    ended: asyncio.Event
    word: str


class Turns:
    """`bus`: of a platform of several processes; None where this one is alone."""

    def __init__(self, db: Database, bus: Bus | None = None) -> None:
        self._db = db
        self._bus = bus
        self._running: dict[str, _Running] = {}

    async def start(self) -> Callable[[], Awaitable[None]]:
        """Listen to other processes; answers what ends that."""
        if self._bus is None:
            return _nothing
        return await self._bus.subscribe(TOPIC, self._on_taken)

    def _on_taken(self, delivery: Delivery) -> None:
        upload_id, word = delivery.data.decode().split()
        running = self._running.get(upload_id)
        if running is not None and running.word != word:
            running.body.interrupt()

    def __len__(self) -> int:
        """Requests that are being read in this process."""
        return len(self._running)

    def __contains__(self, upload_id: str) -> bool:
        return upload_id in self._running

    async def stop(self, upload_id: str) -> None:
        """End the request of this process that writes to the upload, and wait until it has kept what it has."""
        while (running := self._running.get(upload_id)) is not None:
            running.body.interrupt()
            await running.ended.wait()

    @contextlib.asynccontextmanager
    async def take(self, upload_id: str, body: Body | None = None) -> AsyncIterator[str]:
        """Be the one who writes; answers the word that stands in `upload.holder` now. Without a body nobody is kept from taking over."""
        word = secrets.token_hex(16)
        await self.stop(upload_id)
        running = _Running(body, asyncio.Event(), word) if body is not None else None
        if running is not None:
            self._running[upload_id] = running
        try:
            async with self._db.write() as conn:
                await conn.execute(update(upload).where(upload.c.id == upload_id).values(holder=word))
            if self._bus is not None:
                await self._bus.publish(TOPIC, f"{upload_id} {word}".encode())
            try:
                yield word
            finally:
                async with self._db.write() as conn:
                    await conn.execute(update(upload).where(upload.c.id == upload_id, upload.c.holder == word).values(holder=None))
        finally:
            if running is not None:
                del self._running[upload_id]
                running.ended.set()


async def _nothing() -> None: ...
