"""The course of a live: what the media plane and the recorder tell, and what follows from it.

Every main process hears of each event, so each step is one conditional update: whoever changes the row acts.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import func, or_, select, update

from livecore.ids import new_id
from livecore.lives import rules
from livecore.lives.announcing import Announcing
from livecore.lives.service import Lives
from livecore.lives.tables import live, live_publication
from livecore.ports import Clock, Database, MediaControl, Signals

log = structlog.get_logger("lives")

# (owner_id, live_id, recording) -> video id
KeepRecording = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Awaitable[str]]


class Course:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        lives: Lives,
        media: MediaControl,
        signals: Signals,
        keep_recording: KeepRecording,
        resume_s: float,
        announcing: Announcing,
        segments: bool = True,
    ) -> None:
        self._db = db
        self._clock = clock
        self._lives = lives
        self._media = media
        self._signals = signals
        self._keep_recording = keep_recording
        self._announcing = announcing
        self._segments = segments  # whether lives can be watched by HLS
        self._resume_ms = int(resume_s * 1000)

    async def publication_up(self, live_id: str, publication_id: str, video_codec: str | None) -> None:
        """Pictures or sound arrive: the live is on the air, cut into segments for HLS, and recorded if its host wants."""
        now_ms = self._clock.at_ms()
        async with self._db.write() as conn:
            row = (await conn.execute(select(live).where(live.c.id == live_id))).mappings().one_or_none()
            if row is None or row["state"] == "ended":
                await self._media.end_live(live_id)
                return
            if rules.may_change_state(row["state"], "live"):
                await conn.execute(
                    update(live).where(live.c.id == live_id).values(state="live", started_ms=now_ms, version=live.c.version + 1)
                )
                await self._announcing.begun(conn, live_id)
            changed = await conn.execute(
                update(live_publication)
                .where(
                    live_publication.c.id == publication_id,
                    or_(live_publication.c.up_ms.is_(None), live_publication.c.away_ms.is_not(None)),
                )
                .values(up_ms=func.coalesce(live_publication.c.up_ms, now_ms), away_ms=None)
            )
            kind = (await conn.execute(select(live_publication.c.kind).where(live_publication.c.id == publication_id))).scalar_one_or_none()
            if kind == "host" and video_codec != row["codec"]:
                await conn.execute(update(live).where(live.c.id == live_id).values(codec=video_codec, version=live.c.version + 1))
            recording_id = None
            outputs = [name for name, is_wanted in (("file", row["record"]), ("hls", self._segments)) if is_wanted]
            if outputs:
                fresh = new_id()
                began = await conn.execute(
                    update(live_publication)
                    .where(live_publication.c.id == publication_id, live_publication.c.recording_id.is_(None))
                    .values(recording_id=fresh)
                )
                # The worker may be another than before: told again, it goes on in a next part; the same one changes nothing.
                known = select(live_publication.c.recording_id).where(live_publication.c.id == publication_id)
                recording_id = fresh if began.rowcount else (await conn.execute(known)).scalar_one_or_none()
        # Who asks for the live from now on hears that it has begun.
        await self._lives.restated(live_id)
        if recording_id is not None:
            await self._media.start_recording(live_id, publication_id, recording_id, outputs)
        if changed.rowcount:
            await self._tell(live_id)

    async def publication_away(self, live_id: str, publication_id: str) -> None:
        """Its connection is lost; it may come back. Viewers see who is there."""
        async with self._db.write() as conn:
            changed = await conn.execute(
                update(live_publication)
                .where(live_publication.c.id == publication_id, live_publication.c.up_ms.is_not(None), live_publication.c.away_ms.is_(None))
                .values(away_ms=self._clock.at_ms())
            )
        if changed.rowcount:
            await self._tell(live_id)

    async def all_away(self, live_ids: Sequence[str] | None = None) -> None:
        """A worker died, or this process has just begun and has not heard of any: those that are still there are told up again."""
        query = select(live_publication.c.live_id, live_publication.c.id).where(live_publication.c.up_ms.is_not(None))
        if live_ids is not None:
            query = query.where(live_publication.c.live_id.in_(live_ids))
        async with self._db.read() as conn:
            rows = [(row.live_id, row.id) for row in await conn.execute(query)]
        for live_id, publication_id in rows:
            await self.publication_away(live_id, publication_id)

    async def publication_down(self, live_id: str, publication_id: str) -> None:
        """Gone for longer than it may take to come back. Without its host a live is over."""
        async with self._db.write() as conn:
            changed = await conn.execute(
                update(live_publication)
                .where(live_publication.c.id == publication_id, live_publication.c.up_ms.is_not(None))
                .values(up_ms=None, away_ms=None)
            )
            kind = (await conn.execute(select(live_publication.c.kind).where(live_publication.c.id == publication_id))).scalar_one_or_none()
        if kind == "host":
            await self._lives.end(live_id, rules.HOST_LEFT)
        elif changed.rowcount:
            await self._tell(live_id)
            await self._lives.departed(live_id)

    async def _tell(self, live_id: str) -> None:
        publications = await self._lives.publications.now(None, live_id)
        await self._signals.to_room(f"live:{live_id}", "live:publications", {"live": live_id, "publications": publications})

    async def layers_wanted(
        self, live_id: str, publication_id: str, account_id: str | None, rids: Sequence[str], scalability: Sequence[Mapping[str, Any]]
    ) -> None:
        """Which of a publisher's layers anybody watches; it need not send the others."""
        if account_id is not None:
            data = {"live": live_id, "publication": publication_id, "rids": list(rids), "scalability": [dict(one) for one in scalability]}
            await self._signals.to_account(account_id, "live:layers", data)

    async def speaker_changed(self, live_id: str, publication_id: str | None) -> None:
        """Of several publications, who speaks now."""
        await self._signals.to_room(f"live:{live_id}", "live:speaker", {"live": live_id, "publication": publication_id})

    async def viewer_changed(self, live_id: str, publication_id: str, account_id: str | None, state: str, reason: str | None) -> None:
        """What becomes of a viewer's picture when its path carries none, or of its session."""
        if account_id is not None:
            data = {"live": live_id, "publication": publication_id, "state": state, "reason": reason}
            await self._signals.to_account(account_id, "live:session", data)

    async def recording_finished(self, recording: Mapping[str, Any]) -> bool:
        """A file is whole. True when it was dealt with (kept as a video, or not wanted): the recorder may then delete its own."""
        async with self._db.read() as conn:
            query = (
                select(live, live_publication.c.account_id, live_publication.c.kind)
                .join_from(live_publication, live, live.c.id == live_publication.c.live_id)
                .where(live_publication.c.recording_id == recording["recording"])
            )
            row = (await conn.execute(query)).mappings().one_or_none()
        if row is None or not row["keep_replay"]:
            return True
        video_id = await self._keep_recording(row["account_id"], dict(row), recording)
        if row["kind"] == "host" and row["video_id"] is None:
            async with self._db.write() as conn:
                await conn.execute(
                    update(live)
                    .where(live.c.id == row["id"], live.c.video_id.is_(None))
                    .values(video_id=video_id, version=live.c.version + 1)
                )
            # A part of a live that goes on is no end.
            if row["state"] == "ended":
                await self._signals.to_account(row["owner_id"], "live:ended", {"live": row["id"], "video_id": video_id})
        return True

    async def recording_failed(self, failure: Mapping[str, Any]) -> None:
        """The disk is full, or nothing came: the live goes on, and whoever published is told."""
        reason = str(failure["reason"])
        async with self._db.write() as conn:
            columns = live_publication.c
            query = select(columns.account_id, columns.kind, columns.live_id).where(columns.recording_id == failure["r"])
            row = (await conn.execute(query)).one_or_none()
            is_news = row is not None
            if row is not None and row.kind == "host":
                said = update(live).where(live.c.id == row.live_id, live.c.recording_failure.is_(None))
                is_news = bool((await conn.execute(said.values(recording_failure=reason[:20], version=live.c.version + 1))).rowcount)
        if row is not None and is_news:
            data = {"live": str(failure["live"]), "publication": str(failure["publication"]), "reason": reason}
            await self._signals.to_account(row.account_id, "live:recording", data)

    async def sweep(self) -> None:
        """End what nobody will come back to: lives that never began, and publications that were away for too long."""
        now_ms = self._clock.at_ms()
        async with self._db.read() as conn:
            never = select(live.c.id).where(live.c.state == "waiting", live.c.created_ms < now_ms - rules.WAITING_LIMIT_MS)
            stale = [row.id for row in await conn.execute(never)]
            away = select(live_publication.c.live_id, live_publication.c.id).where(
                live_publication.c.away_ms < now_ms - self._resume_ms - rules.RESUME_MARGIN_MS
            )
            gone = [(row.live_id, row.id) for row in await conn.execute(away)]
        for live_id in stale:
            await self._lives.end(live_id, "never_began")
        for live_id, publication_id in gone:
            await self.publication_down(live_id, publication_id)
