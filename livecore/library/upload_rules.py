"""What an upload may be: its words, its size, its account's share, and what may be appended to it now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Protocol

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.config import Settings
from livecore.errors import FieldError, Invalid
from livecore.ids import is_id, new_id
from livecore.library import tus
from livecore.library.tables import video
from livecore.library.upload_tables import upload
from livecore.ports import AUDIENCES, Clock, Database, Growing, Grown, Principal

FILENAME_LIMIT = 255
TITLE_LIMIT = 200
PURPOSES = ("video", "image", "avatar", "attachment")

Row = dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """What an upload became: the path of its resource; `resource_id` of what a job has still to take the bytes over for."""

    resource: str
    resource_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # from `finish` to `record`


class Sink(Protocol):
    """Takes whole files of one purpose."""

    def limit_bytes(self) -> int: ...

    def check_head(self, head: bytes) -> None:
        """Raises WrongMedia when the first bytes say that this is something else."""

    async def check_new(self, me: Principal, row: Row) -> None:
        """Before the upload begins; its length may be None. Raises what forbids it."""

    async def finish(self, me: Principal, row: Row, head: bytes, sources: Sequence[Grown]) -> Finished:
        """Before the record says that the upload is whole: what cannot be undone belongs into `record`. May refuse."""

    async def record(self, conn: AsyncConnection, row: Row, finished: Finished) -> None:
        """Part of the transaction that says so."""


@dataclass(frozen=True)
class NewUpload:
    length_bytes: int | None
    metadata: str
    words: Mapping[str, str]
    concat: tus.Concat


def choices(metadata: str) -> Row:
    """What an upload's owner chose for the video that it becomes, of words that were checked when it began."""
    words = tus.metadata(metadata)
    return {"allow_download": words.get("allow_download") != "false", "who_can_comment": words.get("who_can_comment") or None}


class UploadRules:
    def __init__(self, db: Database, clock: Clock, growing: Growing, settings: Settings, sinks: Mapping[str, Sink]) -> None:
        self._db = db
        self._clock = clock
        self._growing = growing
        self._settings = settings
        self._sinks = sinks

    def values(self, me: Principal, new: NewUpload) -> Row:
        words, wrong = new.words, []
        filetype = words.get("filetype", words.get("type", "")).strip().lower()[:100]
        purpose = words.get("purpose") or ("image" if filetype.startswith("image/") else "video")
        if purpose not in PURPOSES:
            wrong.append(FieldError("Upload-Metadata.purpose", f"is one of {', '.join(PURPOSES)}"))
        visibility = words.get("visibility") or "everyone"
        if visibility not in AUDIENCES:
            wrong.append(FieldError("Upload-Metadata.visibility", f"is one of {', '.join(AUDIENCES)}"))
        who_can_comment = words.get("who_can_comment") or None
        if who_can_comment is not None and who_can_comment not in AUDIENCES:
            wrong.append(FieldError("Upload-Metadata.who_can_comment", f"is one of {', '.join(AUDIENCES)}"))
        if words.get("allow_download", "true") not in ("true", "false"):
            wrong.append(FieldError("Upload-Metadata.allow_download", "is true or false"))
        filename = PurePath(words.get("filename", words.get("name", "")).replace("\\", "/")).name
        title = words.get("title", PurePath(filename).stem[:TITLE_LIMIT]).strip()
        for name, value, limit in (("filename", filename, FILENAME_LIMIT), ("title", title, TITLE_LIMIT)):
            if len(value) > limit:
                wrong.append(FieldError(f"Upload-Metadata.{name}", f"has at most {limit} characters"))
            if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
                wrong.append(FieldError(f"Upload-Metadata.{name}", "has control characters"))
        conversation_id = words.get("conversation") if purpose == "attachment" else None
        if purpose == "attachment" and not is_id(conversation_id or ""):
            wrong.append(FieldError("Upload-Metadata.conversation", "names the conversation of an attachment"))
        if wrong:
            raise Invalid(wrong)
        now_ms = self._clock.at_ms()
        return {
            "id": new_id(),
            "account_id": me.account_id,
            "purpose": "" if new.concat.kind == "partial" else purpose,
            "filename": filename,
            "filetype": filetype,
            "title": title,
            "visibility": visibility,
            "conversation_id": conversation_id,
            "metadata": new.metadata,
            "length_bytes": new.length_bytes,
            "received_bytes": 0,
            "concat": new.concat.kind,
            "created_ms": now_ms,
            "expires_ms": now_ms + self._settings.upload_idle_s * 1000,
        }

    @property
    def limit_bytes(self) -> int:
        """`Tus-Max-Size`."""
        return self._settings.upload_limit_bytes

    def check_size(self, purpose: str, size: int | None) -> None:
        limit = self.limit_of(purpose)
        if size is not None and size > limit:
            raise errors.TooLarge(f"At most {limit} bytes.", limit_bytes=limit)
        if size == 0 and purpose:
            raise Invalid([FieldError("Upload-Length", "an empty file is none")])

    def limit_of(self, purpose: str) -> int:
        return min(self.limit_bytes, self._sinks[purpose].limit_bytes()) if purpose else self.limit_bytes

    async def check_room(self, conn: AsyncConnection, account_id: str, wanted: int) -> None:
        """Part of the transaction that begins the upload, one account's after the other: two at once do not both get the last place."""
        if self._db.dialect == "postgresql":
            await conn.execute(text("SELECT pg_advisory_xact_lock(hashtext(:who))"), {"who": f"upload:{account_id}"})
        coming = func.coalesce(func.sum(func.coalesce(upload.c.length_bytes, upload.c.received_bytes)), 0)
        # What is part of a whole one counts with it.
        mine = (upload.c.account_id == account_id, upload.c.completed_ms.is_(None), upload.c.part_of.is_(None))
        count, size = (await conn.execute(select(func.count(), coming).where(*mine))).one()
        if count >= self._settings.uploads_open:
            raise errors.Conflict(f"{count} uploads are open; finish or delete some.", type="too_many_uploads")
        kept = (
            await conn.execute(select(func.coalesce(func.sum(video.c.size_bytes), 0)).where(video.c.owner_id == account_id))
        ).scalar_one()
        if int(kept) + int(size) + wanted > self._settings.upload_quota_bytes:
            raise errors.NoSpace(
                "Your videos would take more than your share.",
                type="quota",
                quota_bytes=self._settings.upload_quota_bytes,
                used_bytes=int(kept) + int(size),
            )
        room = self._growing.room_bytes()
        if room is not None and room < wanted + self._settings.storage_reserve_bytes:
            raise errors.NoSpace("The server's disk has no room for that.")

    def check_append(self, row: Row, offset: int, declared: int | None) -> None:
        if row["concat"] == "final":
            raise errors.Forbidden("A final upload takes no bytes.", type="final_upload")
        if offset != row["received_bytes"]:
            raise errors.Conflict(
                f"The upload is at {row['received_bytes']}.", type="offset", headers={"Upload-Offset": str(row["received_bytes"])}
            )
        if declared is not None and offset + declared > self.end_of(row):
            raise errors.TooLarge("These are more bytes than the upload has.", limit_bytes=self.end_of(row) - offset)

    def end_of(self, row: Row) -> int:
        return self.limit_of(row["purpose"]) if row["length_bytes"] is None else int(row["length_bytes"])
