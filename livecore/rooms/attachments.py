"""Images, voice and videos in messages: uploaded first, named by a message, fetched by its readers, then gone.

    upload → made anew → sealed under a key of its own → claimed by a message → fetched by each device → key destroyed, object deleted

A body goes when every device has the message; what it carries has its own life, since a device may have the message and not
yet the video: it goes when every device said that it has it (`kept`), when the message is taken back, or when its time is over.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete, exists, func, insert, not_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors, pictures
from livecore.config import Settings
from livecore.errors import FieldError, Invalid
from livecore.ids import new_id
from livecore.ports import Clock, Database, Keys, MediaCopier, PictureMaker, Principal, Storage
from livecore.rooms import bodies, tables
from livecore.rooms.attachment_rules import MEDIA_TYPES, UNREADY_MS, UNSENT_MS, container_of, is_fetched_by_all, media_type_of
from livecore.rooms.membership import Conversations
from livecore.rooms.sealed_objects import SealedObjects, SealedReader
from livecore.rooms.timers import held_ms

# What fills a large screen; more is a file and not a message.
IMAGE_SIDE_PX = 2048
SWEEP_CHUNK = 500
KINDS = ("image", "video", "voice")

Row = dict[str, Any]


class Attachments:
    def __init__(
        self,
        db: Database,
        storage: Storage,
        keys: Keys,
        clock: Clock,
        settings: Settings,
        pictures: PictureMaker,
        conversations: Conversations,
    ) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._conversations = conversations
        self._sealed = SealedObjects(storage, keys)
        self._pictures = pictures
        self.copier: MediaCopier | None = None  # set by the composition

    # -- in

    async def add(self, principal: Principal, conversation_id: str, data: bytes) -> Row:
        """Take what the sender will name in a message. Raises NotFound, WrongMedia, Invalid."""
        self.check_head(data[:16])
        with tempfile.TemporaryDirectory(prefix="livecore-") as directory:
            source = Path(directory) / "source"
            await asyncio.to_thread(source.write_bytes, data)
            row = await self.prepare(principal, conversation_id, source)
        async with self._db.write() as conn:
            await self.keep(conn, principal, row)
        return row

    # -- by an upload (ports.MessageMedia)

    def check_head(self, head: bytes) -> None:
        """Raises WrongMedia."""
        if container_of(head) is None:
            raise errors.WrongMedia("An attachment is an image, a video or a voice recording.", headers={"Accept": ", ".join(MEDIA_TYPES)})

    async def check_new(self, principal: Principal, conversation_id: str, size_bytes: int) -> None:
        """Whether so much more may come for this conversation. Raises NotFound, NoSpace."""
        await self._conversations.get(principal.account_id, conversation_id)
        mine, store = tables.attachment.c, tables.attachment_object.c
        held = select(func.coalesce(func.sum(store.size_bytes), 0)).where(
            store.id.in_(select(mine.object_id).where(mine.account_id == principal.account_id))
        )
        async with self._db.read() as conn:
            used = int((await conn.execute(held)).scalar_one())
        quota = self._settings.attachment_quota_bytes
        if used + size_bytes > quota:
            raise errors.NoSpace(
                "What you sent and nobody has fetched yet takes your share.", type="quota", quota_bytes=quota, used_bytes=used
            )

    async def prepare(self, principal: Principal, conversation_id: str, source: Path) -> Row:
        """The file made anew and sealed; what `keep` does not name within the hour goes. Memory does not grow with a video's size.

        Raises NotFound, WrongMedia, Invalid, TooLarge (an image).
        """
        await self._conversations.get(principal.account_id, conversation_id)
        with tempfile.TemporaryDirectory(prefix="livecore-") as directory:
            target = Path(directory) / "target"
            facts = await self._made_anew(source, target)
            size = target.stat().st_size
            at_ms, object_id = self._clock.at_ms(), new_id()
            store = {"id": object_id, "scope": f"attachment:{object_id}", "size_bytes": size, "made_ms": at_ms, "ready": False}
            async with self._db.write() as conn:
                await conn.execute(insert(tables.attachment_object).values(store))
            await self._sealed.put(_key(object_id), str(store["scope"]), target)
        return {
            "id": new_id(),
            "object_id": object_id,
            "conversation_id": conversation_id,
            "account_id": principal.account_id,
            "client_key": None,
            "size_bytes": size,
            "made_ms": at_ms,
            "sent_ms": None,
            "expires_ms": at_ms + UNSENT_MS,
            **facts,
        }

    async def keep(self, conn: AsyncConnection, principal: Principal, row: Mapping[str, Any]) -> None:
        """Part of the transaction that says that it came whole."""
        stored = tables.attachment_object
        await conn.execute(update(stored).where(stored.c.id == row["object_id"]).values(ready=True))
        await conn.execute(insert(tables.attachment).values(dict(row)))
        # The device that gives it has it.
        await self._note(conn, str(row["id"]), principal)

    async def _made_anew(self, source: Path, target: Path) -> dict[str, Any]:
        """Write what is kept of it; its kind and measures."""
        with source.open("rb") as file:
            container = container_of(file.read(16))
        if container == "image":
            size, limit = source.stat().st_size, self._settings.image_limit_bytes
            if size > limit:
                raise errors.TooLarge(f"A picture has at most {limit} bytes.", limit_bytes=limit)
            made = await self._pictures.make(await asyncio.to_thread(source.read_bytes), (IMAGE_SIDE_PX,))
            await asyncio.to_thread(target.write_bytes, made.files[IMAGE_SIDE_PX])
            return {"kind": "image", "media_type": pictures.OUT_TYPE, "width": made.width, "height": made.height, "duration_ms": 0}
        if self.copier is None or container is None:
            raise errors.Unavailable("Videos are not taken here.")
        found = await self.copier.copy(source, target, container)
        if found is None:
            raise Invalid([FieldError("body", "cannot be played")], type="bad_media")
        media_type = media_type_of(container, found["width"] > 0)
        if media_type is None:
            raise errors.WrongMedia("This container carries no video.", headers={"Accept": ", ".join(MEDIA_TYPES)})
        return {"kind": "video" if found["width"] else "voice", "media_type": media_type, **found}

    # -- named by a message

    async def claim(
        self, principal: Principal, conversation_id: str, client_key: str, ids: Sequence[str], timer_s: int | None
    ) -> list[Row]:
        """Before the commit: these now belong to the message with that client id. The same again changes nothing.

        Raises Invalid for what is not the sender's own in this conversation, or belongs to another message.
        """
        if not ids:
            return []
        columns, at_ms = tables.attachment.c, self._clock.at_ms()
        mine = (columns.id.in_(ids), columns.account_id == principal.account_id, columns.conversation_id == conversation_id)
        free = or_(columns.client_key.is_(None), columns.client_key == client_key)
        life_ms = held_ms(self._settings.message_ttl_s * 1000, timer_s)
        async with self._db.write() as conn:
            await conn.execute(
                update(tables.attachment)
                .where(*mine, columns.client_key.is_(None), columns.expires_ms > at_ms)
                .values(client_key=client_key, sent_ms=at_ms, expires_ms=at_ms + life_ms)
            )
            rows = (await conn.execute(select(tables.attachment).where(*mine, free, columns.expires_ms > at_ms))).mappings()
            found = {row["id"]: dict(row) for row in rows if row["client_key"] == client_key}
        missing = [
            FieldError(f"attachments.{index}.id", "is not an upload of yours here") for index, one in enumerate(ids) if one not in found
        ]
        if missing:
            raise Invalid(missing)
        return [found[one] for one in ids]

    async def release(self, account_id: str, client_key: str) -> None:
        """The message was refused after all: its attachments may be named by another."""
        columns = tables.attachment.c
        async with self._db.write() as conn:
            await conn.execute(
                update(tables.attachment)
                .where(columns.account_id == account_id, columns.client_key == client_key)
                .values(client_key=None, sent_ms=None, expires_ms=self._clock.at_ms() + UNSENT_MS)
            )

    async def spread(self, rows: Sequence[Row], conversation_id: str, client_key: str, timer_s: int | None) -> list[Row]:
        """A broadcast's attachments for one recipient's conversation: the same bytes, an attachment of their own. Again: the same."""
        at_ms = self._clock.at_ms()
        life_ms = held_ms(self._settings.message_ttl_s * 1000, timer_s)
        times = {"sent_ms": at_ms, "expires_ms": at_ms + life_ms}
        copies = [
            row | {"id": _spread_id(row["id"], conversation_id), "conversation_id": conversation_id, "client_key": client_key} | times
            for row in rows
        ]
        make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
        async with self._db.write() as conn:
            for copy in copies:
                await conn.execute(make(tables.attachment).values(copy).on_conflict_do_nothing())
        return copies

    async def forward(self, principal: Principal, attachment_id: str, conversation_id: str) -> Row:
        """Another attachment with the same bytes, for a message to somebody else: nothing in it says where it comes from."""
        row = await self.get(principal.account_id, attachment_id)
        await self._conversations.get(principal.account_id, conversation_id)
        at_ms = self._clock.at_ms()
        copy = row | {
            "id": new_id(),
            "conversation_id": conversation_id,
            "account_id": principal.account_id,
            "client_key": None,
            "made_ms": at_ms,
            "sent_ms": None,
            "expires_ms": at_ms + UNSENT_MS,
        }
        async with self._db.write() as conn:
            # Together with the row that it comes from, so that the bytes are not let go in between.
            held = await conn.execute(update(tables.attachment).where(tables.attachment.c.id == attachment_id).values(id=attachment_id))
            if not held.rowcount:
                raise errors.Gone("This attachment is not held any more.", type="attachment_gone")
            await conn.execute(insert(tables.attachment).values(copy))
            await self._note(conn, str(copy["id"]), principal)
        return copy

    # -- out

    async def get(self, account_id: str, attachment_id: str) -> Row:
        """For its sender, and once it is sent for the members of its conversation. Raises Gone, whether there is none or it is others'."""
        columns = tables.attachment.c
        async with self._db.read() as conn:
            row = (await conn.execute(select(tables.attachment).where(columns.id == attachment_id))).mappings().one_or_none()
        gone = errors.Gone("This attachment is not held any more.", type="attachment_gone")
        if row is None or (row["account_id"] != account_id and row["client_key"] is None):
            raise gone
        try:
            await self._conversations.get(account_id, row["conversation_id"])
        except errors.NotFound:
            raise gone from None
        if row["expires_ms"] <= self._clock.at_ms():
            raise errors.Gone("This attachment has expired.", type="attachment_gone")
        return dict(row)

    async def reader(self, row: Row) -> tuple[str, SealedReader]:
        """The object's key and what reads it."""
        columns = tables.attachment_object.c
        async with self._db.read() as conn:
            stored = (await conn.execute(select(tables.attachment_object).where(columns.id == row["object_id"]))).one_or_none()
        if stored is None:
            raise errors.Gone("This attachment is not held any more.", type="attachment_gone")
        return _key(stored.id), self._sealed.reader(stored.scope, stored.size_bytes)

    async def kept(self, principal: Principal, attachment_id: str) -> None:
        """This device has it. When every device that it was held for has, it is let go."""
        row = await self.get(principal.account_id, attachment_id)
        async with self._db.write() as conn:
            await self._note(conn, attachment_id, principal)
        said, cursor, kept = tables.sent.c, tables.device_cursor.c, tables.attachment_kept.c
        async with self._db.read() as conn:
            seq = select(said.seq).where(said.account_id == row["account_id"], said.client_key == row["client_key"])
            found = (await conn.execute(seq)).scalar_one_or_none()
            if found is None:
                return  # not sent, or so long ago that its time is over soon
            devices = await conn.execute(
                select(cursor.account_id, cursor.device_id).where(
                    cursor.conversation_id == row["conversation_id"], cursor.since_seq < found
                )
            )
            have = await conn.execute(select(kept.account_id, kept.device_id).where(kept.attachment_id == attachment_id))
            waits = not is_fetched_by_all([tuple(one) for one in devices], [tuple(one) for one in have])
        if not waits:
            await self._delete(tables.attachment.c.id == attachment_id)

    async def _note(self, conn: AsyncConnection, attachment_id: str, principal: Principal) -> None:
        make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
        line = {"attachment_id": attachment_id, "account_id": principal.account_id, "device_id": principal.device_id}
        await conn.execute(make(tables.attachment_kept).values(line).on_conflict_do_nothing())

    # -- the end

    async def withdraw(self, account_id: str, message_id: str) -> None:
        """The message was taken back for all."""
        said, columns = tables.sent.c, tables.attachment.c
        key = select(said.client_key).where(said.account_id == account_id, said.message_id == message_id).scalar_subquery()
        await self._delete((columns.account_id == account_id) & (columns.client_key == key))

    async def erase(self, account_id: str) -> None:
        await self._delete(tables.attachment.c.account_id == account_id)

    async def expire(self) -> None:
        """Those whose time is over, by their own date or by their conversation's present timer; and what a crash left."""
        columns, talk, at_ms = tables.attachment.c, tables.conversation.c, self._clock.at_ms()
        timed = exists().where(talk.id == columns.conversation_id, bodies.timer_is_over(columns.sent_ms, at_ms))
        orphaned = not_(exists().where(talk.id == columns.conversation_id))
        await self._delete(or_(columns.expires_ms <= at_ms, timed, orphaned))

    async def _delete(self, where: Any) -> None:
        columns, kept = tables.attachment.c, tables.attachment_kept.c
        async with self._db.write() as conn:
            gone = list((await conn.execute(delete(tables.attachment).where(where).returning(columns.id))).scalars())
            for start in range(0, len(gone), SWEEP_CHUNK):
                await conn.execute(delete(tables.attachment_kept).where(kept.attachment_id.in_(gone[start : start + SWEEP_CHUNK])))
        await self._sweep()

    async def _sweep(self) -> None:
        """Objects that no attachment names any more: their keys, then their bytes, then their names; safe to do again."""
        store, columns = tables.attachment_object.c, tables.attachment.c
        named = exists().where(columns.object_id == store.id)
        stale = or_(store.ready, store.made_ms < self._clock.at_ms() - UNREADY_MS)
        async with self._db.read() as conn:
            rows = (await conn.execute(select(store.id, store.scope).where(stale, not_(named)).limit(SWEEP_CHUNK))).all()
        for row in rows:
            await self._sealed.delete(_key(row.id), row.scope)
        if rows:
            async with self._db.write() as conn:
                await conn.execute(delete(tables.attachment_object).where(store.id.in_([row.id for row in rows])))


def described(row: Row) -> dict[str, Any]:
    """What a message says of an attachment beside its kind and id: the server's facts, not the sender's."""
    facts = {"type": row["media_type"], "size": row["size_bytes"]}
    if row["width"]:
        facts |= {"width": row["width"], "height": row["height"]}
    return facts | ({"duration_ms": row["duration_ms"]} if row["duration_ms"] else {})


def _key(object_id: str) -> str:
    return f"attachments/{object_id}"


def _spread_id(attachment_id: str, conversation_id: str) -> str:
    """Says nothing of the list or of the other recipients."""
    return hashlib.sha256(f"{attachment_id}:{conversation_id}".encode()).hexdigest()[:32]
