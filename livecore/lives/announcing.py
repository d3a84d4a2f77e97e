"""Telling friends and followers that somebody went live: once for each live, in pages, so that thousands of followers stall nobody."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.attention import Attention
from livecore.lives.tables import live
from livecore.ports import Clock, Database, Followers, Job, Jobs, Notifier, Relations

ANNOUNCE = "lives.announce"
# People asked and told in one transaction: others write in between.
PAGE = 100
# A live that began so long ago is no news: the jobs were down meanwhile.
STALE_MS = 30 * 60 * 1000


class Announcing:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        relations: Relations,
        attention: Attention,
        followers: Followers,
        notifier: Notifier,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._relations = relations
        self._attention = attention
        self._followers = followers
        self._notifier = notifier
        jobs.handle(ANNOUNCE, self._run, timeout_s=3600)

    async def begun(self, conn: AsyncConnection, live_id: str) -> None:
        """Part of the transaction that put the live on the air."""
        await self._jobs.enqueue(conn, ANNOUNCE, {"live": live_id}, key=f"{ANNOUNCE}:{live_id}")

    async def _run(self, job: Job) -> None:
        """Begins anew after a kill: who was told is not told twice."""
        live_id = str(job.payload["live"])
        after = ""
        while True:
            async with self._db.read() as conn:
                row = (await conn.execute(select(live).where(live.c.id == live_id))).mappings().one_or_none()
            if row is None or not self._is_news(row):
                return
            page = await self._followers.friends_and_followers(row["owner_id"], after, PAGE)
            told = [account_id for account_id in page if await self._wants(account_id, row)]
            if told:
                async with self._db.write() as conn:
                    for account_id in told:
                        await self._notifier.notify(conn, account_id, "live", {"live": live_id}, key=f"live:{live_id}")
            if len(page) < PAGE:
                return
            after = page[-1]

    def _is_news(self, row: Any) -> bool:
        began_ms = row["started_ms"]
        return row["state"] == "live" and row["disabled_reason"] is None and self._clock.at_ms() - began_ms < STALE_MS

    async def _wants(self, account_id: str, row: Any) -> bool:
        host_id = row["owner_id"]
        return await self._attention.wants(account_id, host_id, "notify_lives") and await self._relations.allows(
            host_id, account_id, row["visibility"]
        )
