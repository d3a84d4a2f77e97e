"""What a whole upload becomes: a video that is then made ready, a picture, a profile picture, or what a message carries."""

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors, pictures
from livecore.config import Settings
from livecore.ids import new_id
from livecore.library import magic
from livecore.library.copies import Copies
from livecore.library.images import Images
from livecore.library.upload_rules import Finished, Row
from livecore.library.videos import Videos
from livecore.ports import Growing, Grown, MessageMedia, Principal

# Up to here the digest is taken before the last request is answered, so that an exact copy of something removed is refused there;
# that of a larger file is taken by its job.
DIGEST_AT_ONCE_BYTES = 64 << 20

# How the container's file is called, and its media type before anybody looked inside.
_FILES = {
    "mov": ("mp4", "video/mp4"),
    "matroska": ("mkv", "video/x-matroska"),
    "avi": ("avi", "video/x-msvideo"),
    "mpegts": ("ts", "video/mp2t"),
}
_VIDEO_TYPES = ("video/mp4", "video/quicktime", "video/webm", "video/x-matroska", "video/x-msvideo", "video/mp2t")


async def read_all(growing: Growing, sources: Sequence[Grown]) -> bytes:
    """Only for what a purpose's limit keeps small."""
    found = bytearray()
    for source in sources:
        async for part in growing.stream(source):
            found += part
    return bytes(found)


class _FromAnyone:
    async def check_new(self, me: Principal, row: Row) -> None:
        """Whoever may upload at all may do so."""


class VideoIntake(_FromAnyone):
    """Keeps `upload_rules.Sink`."""

    def __init__(self, settings: Settings, growing: Growing, videos: Videos, copies: Copies) -> None:
        self._limit_bytes = settings.upload_limit_bytes
        self._growing = growing
        self._videos = videos
        self._copies = copies

    def limit_bytes(self) -> int:
        return self._limit_bytes

    def check_head(self, head: bytes) -> None:
        if magic.video_container(head) is None:
            raise errors.WrongMedia("A video is MP4, MOV, WebM, Matroska, AVI or MPEG-TS.", headers={"Accept": ", ".join(_VIDEO_TYPES)})

    async def finish(self, me: Principal, row: Row, head: bytes, sources: Sequence[Grown]) -> Finished:
        if sum(source.size_bytes for source in sources) <= DIGEST_AT_ONCE_BYTES:
            digest = hashlib.sha256()
            for source in sources:
                async for part in self._growing.stream(source):
                    await asyncio.to_thread(digest.update, part)
            await self._copies.check_digest(digest.hexdigest())
        video_id = new_id()
        return Finished(f"/api/v1/videos/{video_id}", video_id, {"container": magic.video_container(head)})

    async def record(self, conn: AsyncConnection, row: Row, finished: Finished) -> None:
        suffix, media_type = _FILES[finished.facts["container"]]
        await self._videos.begin_upload(conn, str(finished.resource_id), row, suffix, media_type)


class ImageIntake(_FromAnyone):
    """Keeps `upload_rules.Sink`."""

    def __init__(self, settings: Settings, growing: Growing, images: Images) -> None:
        self._limit_bytes = settings.image_limit_bytes
        self._growing = growing
        self._images = images

    def limit_bytes(self) -> int:
        return self._limit_bytes

    def check_head(self, head: bytes) -> None:
        pictures.check_kind(head)

    async def finish(self, me: Principal, row: Row, head: bytes, sources: Sequence[Grown]) -> Finished:
        made = await self._images.make(row["account_id"], await read_all(self._growing, sources), row["title"], row["visibility"])
        return Finished(f"/api/v1/images/{made['id']}", None, made)

    async def record(self, conn: AsyncConnection, row: Row, finished: Finished) -> None:
        await self._images.keep(conn, dict(finished.facts))


# Sets an account's profile picture; kept by accounts.
PutAvatar = Callable[[str, bytes], Awaitable[Any]]


class AvatarIntake(_FromAnyone):
    """Keeps `upload_rules.Sink`."""

    def __init__(self, settings: Settings, growing: Growing, put: PutAvatar) -> None:
        self._limit_bytes = settings.avatar_limit_bytes
        self._growing = growing
        self._put = put

    def limit_bytes(self) -> int:
        return self._limit_bytes

    def check_head(self, head: bytes) -> None:
        pictures.check_kind(head)

    async def finish(self, me: Principal, row: Row, head: bytes, sources: Sequence[Grown]) -> Finished:
        await self._put(row["account_id"], await read_all(self._growing, sources))
        return Finished("/api/v1/me")

    async def record(self, conn: AsyncConnection, row: Row, finished: Finished) -> None:
        """The picture has its own record."""


class AttachmentIntake:
    """Keeps `upload_rules.Sink`. Messages are private: nobody compares what they carry with what was taken down."""

    def __init__(self, settings: Settings, growing: Growing, media: MessageMedia) -> None:
        self._limit_bytes = settings.attachment_upload_limit_bytes
        self._growing = growing
        self._media = media

    def limit_bytes(self) -> int:
        return self._limit_bytes

    def check_head(self, head: bytes) -> None:
        self._media.check_head(head)

    async def check_new(self, me: Principal, row: Row) -> None:
        await self._media.check_new(me, row["conversation_id"], row["length_bytes"] or 0)

    async def finish(self, me: Principal, row: Row, head: bytes, sources: Sequence[Grown]) -> Finished:
        with tempfile.TemporaryDirectory(prefix="livecore-") as directory:
            source = Path(directory) / "source"
            with source.open("wb") as file:
                for one in sources:
                    async for part in self._growing.stream(one):
                        await asyncio.to_thread(file.write, part)
            made = await self._media.prepare(me, row["conversation_id"], source)
        return Finished(f"/api/v1/attachments/{made['id']}", None, {"me": me, "attachment": made})

    async def record(self, conn: AsyncConnection, row: Row, finished: Finished) -> None:
        await self._media.keep(conn, finished.facts["me"], finished.facts["attachment"])
