"""Rows straight into the tables, for walks through more than a test would make by hand."""

from sqlalchemy import insert

from livecore.feed.tables import post
from livecore.ids import new_id
from livecore.library.tables import video
from tests.people import Person
from tests.serving import Server


async def seed_videos(server: Server, owner: Person, count: int, *, step_ms: int = 7, title: str = "video", **values: object) -> list[str]:
    """Ready videos, several in the same millisecond; answers their ids, oldest first."""
    now_ms = server.app.clock.at_ms()
    ids = [new_id() for _ in range(count)]
    rows = [
        {
            "id": video_id,
            "owner_id": owner.id,
            "title": f"{title} {n}",
            "visibility": "everyone",
            "allow_download": True,
            "status": "ready",
            "progress": 1.0,
            "media_type": "video/webm",
            "object_key": f"videos/{owner.id}/{video_id}/original.webm",
            "duration_ms": 60_000,
            "created_ms": now_ms - (count - n) // 3 * step_ms,
            "published_ms": now_ms - (count - n) // 3 * step_ms,
        }
        | values
        for n, video_id in enumerate(ids)
    ]
    async with server.app.db.write() as conn:
        await conn.execute(insert(video), rows)
    return ids


async def seed_posts(server: Server, owner: Person, count: int, *, step_ms: int = 7, text: str = "post", **values: object) -> list[str]:
    now_ms = server.app.clock.at_ms()
    ids = [new_id() for _ in range(count)]
    rows = [
        {
            "id": post_id,
            "author_id": owner.id,
            "text": f"{text} {n}",
            "visibility": "everyone",
            "created_ms": now_ms - (count - n) // 3 * step_ms,
        }
        | values
        for n, post_id in enumerate(ids)
    ]
    async with server.app.db.write() as conn:
        await conn.execute(insert(post), rows)
    return ids
