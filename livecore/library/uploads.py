"""The service of uploads: records, who writes now, quotas, and what a whole file becomes.

A byte is acknowledged when it is durable and the record says so. One request writes to an upload at a time: a new one writes its
word into the record and the old one's next commit finds that it is not the holder any more; it is also told at once
(`upload_turns`). What a whole file becomes is the affair of a `Sink` for each purpose.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.config import Settings
from livecore.library import tus
from livecore.library.magic import HEAD_BYTES
from livecore.library.upload_rules import NewUpload, Row, Sink, UploadRules
from livecore.library.upload_tables import UPLOAD_PREFIX, upload, upload_piece
from livecore.library.upload_turns import Body, Interrupted, Turns
from livecore.ports import Bus, Clock, Database, Growing, GrowingWriter, Grown, Holds, Piece, Principal, Storage

log = structlog.get_logger("uploads")

# Acknowledged in the record at least this often, so that little is sent again after a kill.
COMMIT_BYTES = 16 << 20
# A remote store keeps an object for each request at least: a client that sends byte by byte is sent away.
PIECES_LIMIT = 20_000


class Uploads:
    """Keeps an `Eraser`."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        storage: Storage,
        growing: Growing,
        settings: Settings,
        sinks: Mapping[str, Sink],
        bus: Bus | None = None,
        holds: Holds | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._storage = storage
        self._growing = growing
        self._settings = settings
        self._sinks = sinks
        self._holds = holds
        self.turns = Turns(db, bus)
        self._rules = UploadRules(db, clock, growing, settings, sinks)

    @property
    def limit_bytes(self) -> int:
        """`Tus-Max-Size`."""
        return self._rules.limit_bytes

    # -- making one

    async def create(self, me: Principal, new: NewUpload) -> Row:
        """A new upload; a final one is whole at once.

        Raises Invalid, WrongMedia, TooLarge, NoSpace, Conflict (too many open; parts that are not whole), NotFound (a part).
        """
        values = self._rules.values(me, new)
        parts = [await self._mine(me, part) for part in new.concat.parts]
        if new.concat.kind == "final":
            for part in parts:
                if part["concat"] != "partial" or part["part_of"] is not None or part["received_bytes"] != part["length_bytes"]:
                    raise errors.Conflict("Upload-Concat names a partial upload that is not whole, or is used already.", type="bad_part")
            total = sum(part["length_bytes"] for part in parts)
            if new.length_bytes is not None and new.length_bytes != total:
                raise errors.Malformed("The length of a final upload is that of its parts.")
            values |= {"length_bytes": total, "received_bytes": total}
        self._rules.check_size(values["purpose"], values["length_bytes"])
        if values["purpose"]:
            await self._sinks[values["purpose"]].check_new(me, values)
        async with self._db.write() as conn:
            await self._rules.check_room(conn, me.account_id, 0 if parts else values["length_bytes"] or 0)
            await conn.execute(insert(upload).values(**values))
            for number, part in enumerate(parts):
                taken = await conn.execute(
                    update(upload)
                    .where(upload.c.id == part["id"], upload.c.part_of.is_(None))
                    .values(part_of=values["id"], part_number=number)
                )
                if not taken.rowcount:
                    raise errors.Conflict("A part is used already.", type="bad_part")
        row = await self._mine(me, values["id"])
        return await self._complete(me, row, row["received_bytes"], ()) if parts else row

    async def count(self) -> int:
        """Records there are, for an operator to see."""
        async with self._db.read() as conn:
            return int((await conn.execute(select(func.count()).select_from(upload))).scalar_one())

    # -- reading and ending

    async def state(self, me: Principal, upload_id: str) -> tuple[Row, Sequence[str]]:
        """How far it has come, and the parts of a final one. Whoever still writes is stopped first, so that the answer stays true."""
        row = await self._mine(me, upload_id)
        if row["holder"] is not None and row["completed_ms"] is None:
            async with self.turns.take(upload_id):
                row = await self._mine(me, upload_id)
        async with self._db.read() as conn:
            found = await conn.execute(select(upload.c.id).where(upload.c.part_of == upload_id).order_by(upload.c.part_number))
            return row, found.scalars().all()

    async def terminate(self, me: Principal, upload_id: str) -> None:
        """Forget it; what it became stays."""
        row = await self._mine(me, upload_id)
        await self.turns.stop(upload_id)
        await self._forget([row])

    async def _mine(self, me: Principal, upload_id: str) -> Row:
        async with self._db.read() as conn:
            row = (await conn.execute(select(upload).where(upload.c.id == upload_id))).mappings().one_or_none()
        if row is None or row["account_id"] != me.account_id:
            raise errors.NotFound("There is no such upload.")
        if row["expires_ms"] <= self._clock.at_ms():
            raise errors.Gone("This upload has expired.", type="upload_expired")
        return dict(row)

    # -- writing

    async def append(
        self,
        me: Principal,
        upload_id: str,
        offset: int,
        length: int | None,
        declared: int | None,
        checksum: tus.Checksum | None,
        body: Body,
    ) -> Row:
        """Take a request's bytes from `offset` on; answers when they are durable.

        Args:
            length: the whole length, for an upload that deferred it.
            declared: how many bytes the request says that it brings; None when it does not.

        Raises:
            errors.Conflict: the offset is another (`offset`), or a newer request took over (`taken_over`).
            errors.TooLarge: more than the length that was announced.
            errors.ChecksumMismatch: nothing of the request was kept.
            errors.Forbidden: a final upload takes no bytes.
            errors.Unavailable: too many requests are being read.
        """
        row = await self._mine(me, upload_id)
        self._rules.check_append(row, offset, declared)
        if len(self.turns) >= self._settings.uploads_at_once and upload_id not in self.turns:
            raise errors.Unavailable("Too many uploads are being read.", retry_after_s=5)
        async with self.turns.take(upload_id, body):
            row = await self._mine(me, upload_id)
            self._rules.check_append(row, offset, declared)
            if length is not None:
                row = await self._set_length(me, row, length)
                self._rules.check_append(row, offset, declared)
            elif row["length_bytes"] is None:
                async with self._db.write() as conn:
                    await self._rules.check_room(conn, me.account_id, declared or 0)
            if row["completed_ms"] is not None:
                return row
            return await self._take(me, row, checksum, body)

    async def _set_length(self, me: Principal, row: Row, length: int) -> Row:
        if row["length_bytes"] is not None and row["length_bytes"] != length:
            raise errors.Conflict("The length is known and another.", type="length")
        if length < row["received_bytes"]:
            raise errors.Conflict("More bytes than that are here already.", type="length")
        self._rules.check_size(row["purpose"], length)
        async with self._db.write() as conn:
            await self._rules.check_room(conn, me.account_id, length - row["received_bytes"])
            await conn.execute(update(upload).where(upload.c.id == row["id"]).values(length_bytes=length))
        return row | {"length_bytes": length}

    async def _take(self, me: Principal, row: Row, checksum: tus.Checksum | None, body: Body) -> Row:
        digest = tus.ALGORITHMS[checksum.algorithm](usedforsecurity=False) if checksum else None
        offset, end, head = int(row["received_bytes"]), self._rules.end_of(row), b""
        at = committed = offset
        async with self._growing.writing(self._prefix(row), offset) as writer:
            try:
                async for chunk in body.chunks():
                    at += len(chunk)
                    if at > end:
                        raise errors.TooLarge("These are more bytes than the upload has.")
                    if offset == 0 and row["purpose"] and len(head) < HEAD_BYTES:
                        head += chunk[: HEAD_BYTES - len(head)]
                        if len(head) == HEAD_BYTES:
                            self._sinks[row["purpose"]].check_head(head)
                    if digest is not None:
                        digest.update(chunk)
                    await writer.write(chunk)
                    # What has a checksum counts as a whole or not at all.
                    if digest is None and at - committed >= COMMIT_BYTES:
                        committed = at
                        await self._commit(row, at, writer)
            except (OSError, Interrupted) as gone:
                if digest is None and at > committed:
                    await asyncio.shield(self._commit(row, at, writer))
                if isinstance(gone, Interrupted):
                    raise errors.Conflict("A newer request goes on with this upload.", type="taken_over") from None
                raise
            except errors.WrongMedia:
                await self._forget([row])
                raise
            if checksum is not None and digest is not None and digest.digest() != checksum.digest:
                raise errors.ChecksumMismatch("Nothing of this request was kept; send it again.")
            if row["length_bytes"] == at and row["purpose"]:
                return await self._complete(me, row, at, await writer.flush())
            await self._commit(row, at, writer)
        return row | {"received_bytes": at, "expires_ms": self._expiry()}

    def _expiry(self) -> int:
        return self._clock.at_ms() + self._settings.upload_idle_s * 1000

    async def _commit(self, row: Row, at: int, writer: GrowingWriter) -> None:
        pieces = await writer.flush()
        async with self._db.write() as conn:
            await self._advance(conn, row, pieces, received_bytes=at, expires_ms=self._expiry())

    async def _advance(self, conn: AsyncConnection, row: Row, pieces: Sequence[Piece], **values: Any) -> None:
        held = (upload.c.id == row["id"], upload.c.holder == row["holder"] if row["holder"] else upload.c.holder.is_(None))
        if not (await conn.execute(update(upload).where(*held).values(**values))).rowcount:
            raise errors.Conflict("A newer request goes on with this upload, or it was deleted.", type="taken_over")
        if pieces:
            count = (await conn.execute(select(func.count()).where(upload_piece.c.upload_id == row["id"]))).scalar_one()
            if count + len(pieces) > PIECES_LIMIT:
                raise errors.Conflict("This upload came in too many pieces; send larger ones.", type="too_many_pieces")
            await conn.execute(
                insert(upload_piece),
                [
                    {
                        "upload_id": row["id"],
                        "account_id": row["account_id"],
                        "start_bytes": p.start,
                        "size_bytes": p.size_bytes,
                        "name": p.name,
                    }
                    for p in pieces
                ],
            )

    # -- the end

    async def _complete(self, me: Principal, row: Row, at: int, pieces: Sequence[Piece]) -> Row:
        """Let the file become what it is for, and say so in one transaction: before it, the last bytes were never acknowledged."""
        sink = self._sinks[row["purpose"]]
        sources = await self._sources(row, at, pieces)
        try:
            head = await self._head(sources[0])
            sink.check_head(head)
            finished = await sink.finish(me, row, head, sources)
        except (errors.WrongMedia, errors.Invalid, errors.LegallyUnavailable, errors.TooLarge, errors.NotFound):
            # No later byte makes it better.
            await self._forget([row])
            raise
        values = {
            "received_bytes": at,
            "completed_ms": self._clock.at_ms(),
            "expires_ms": self._expiry(),
            "resource": finished.resource,
            "resource_id": finished.resource_id,
        }
        async with self._db.write() as conn:
            await self._advance(conn, row, pieces, **values)
            await sink.record(conn, row, finished)
        log.info("upload whole", purpose=row["purpose"], size_bytes=at)
        if finished.resource_id is None:
            for source in sources:
                await self._storage.delete_prefix(source.prefix)
        return row | values

    async def _head(self, source: Grown) -> bytes:
        head = b""
        async with contextlib.aclosing(self._growing.stream(source)) as parts:
            async for part in parts:
                head += part
                if len(head) >= HEAD_BYTES:
                    break
        return head[:HEAD_BYTES]

    async def _sources(self, row: Row, at: int, pieces: Sequence[Piece] = ()) -> list[Grown]:
        """What the upload's bytes lie in, in order."""
        rows = [row]
        async with self._db.read() as conn:
            if row["concat"] == "final":
                query = select(upload).where(upload.c.part_of == row["id"]).order_by(upload.c.part_number)
                rows = [dict(part) for part in (await conn.execute(query)).mappings()]
            found = []
            for one in rows:
                query = select(upload_piece).where(upload_piece.c.upload_id == one["id"]).order_by(upload_piece.c.start_bytes)
                kept = [Piece(piece["start_bytes"], piece["size_bytes"], piece["name"]) for piece in (await conn.execute(query)).mappings()]
                size = at if one["id"] == row["id"] else int(one["length_bytes"])
                found.append(Grown(self._prefix(one), size, [*kept, *pieces] if one["id"] == row["id"] else kept))
        return found

    async def sources_of(self, resource_id: str) -> list[Grown] | None:
        """What became the resource of this id, for the job that takes it over; None when it was taken."""
        async with self._db.read() as conn:
            row = (await conn.execute(select(upload).where(upload.c.resource_id == resource_id))).mappings().one_or_none()
        return None if row is None else await self._sources(dict(row), row["received_bytes"])

    async def taken(self, resource_id: str) -> None:
        """The bytes have a place of their own: what is left of the pieces goes; the record stays for who asks what became of it."""
        async with self._db.read() as conn:
            row = (await conn.execute(select(upload).where(upload.c.resource_id == resource_id))).mappings().one_or_none()
            parts = [] if row is None else (await conn.execute(select(upload).where(upload.c.part_of == row["id"]))).mappings().all()
        if row is not None:
            for one in [row, *parts]:
                await self._storage.delete_prefix(self._prefix(dict(one)))
            async with self._db.write() as conn:
                await conn.execute(delete(upload_piece).where(upload_piece.c.upload_id.in_([row["id"], *(part["id"] for part in parts)])))
                await conn.execute(update(upload).where(upload.c.id == row["id"]).values(resource_id=None))

    def _prefix(self, row: Row) -> str:
        return f"{UPLOAD_PREFIX.format(account=row['account_id'])}{row['id']}/"

    async def _forget(self, rows: Sequence[Row]) -> None:
        """Records first: who still writes finds none to commit to. A final one takes its parts along."""
        ids = [row["id"] for row in rows]
        async with self._db.write() as conn:
            parts = [dict(part) for part in (await conn.execute(select(upload).where(upload.c.part_of.in_(ids)))).mappings()]
            gone = [*rows, *parts]
            await conn.execute(delete(upload_piece).where(upload_piece.c.upload_id.in_([row["id"] for row in gone])))
            await conn.execute(delete(upload).where(upload.c.id.in_([row["id"] for row in gone])))
        for row in gone:
            await self._storage.delete_prefix(self._prefix(row))

    async def expire(self) -> None:
        """Forget what was left lying, see `privacy.retention`; that of accounts under a legal hold waits for its end."""
        held = await self._holds.accounts() if self._holds is not None else ()
        while True:
            # What a job has still to take over waits for it; a part goes with its whole.
            late = (upload.c.expires_ms <= self._clock.at_ms(), upload.c.resource_id.is_(None), upload.c.part_of.is_(None))
            query = select(upload).where(*late, upload.c.account_id.not_in(held)).limit(100)
            async with self._db.read() as conn:
                rows = [dict(row) for row in (await conn.execute(query)).mappings()]
            if not rows:
                return
            await self._forget(rows)

    async def erase(self, account_id: str) -> None:
        """See `ports.Eraser`; rows and objects go as the data map says."""
        async with self._db.read() as conn:
            ids = (await conn.execute(select(upload.c.id).where(upload.c.account_id == account_id))).scalars().all()
        for upload_id in ids:
            await self.turns.stop(upload_id)
