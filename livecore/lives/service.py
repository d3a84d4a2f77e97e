"""The service of lives: every rule of who may do what is checked here, whichever edge asks."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Update, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.ids import new_id
from livecore.lives import rules
from livecore.lives.publications import Publications
from livecore.lives.standing import Standing, Verdict
from livecore.lives.tables import live, live_publication, live_restriction
from livecore.ports import (
    Activity,
    Audience,
    Clock,
    Database,
    Directory,
    Limiter,
    LiveFacts,
    LiveRooms,
    MediaControl,
    Principal,
    Relations,
    Signals,
    TakedownTarget,
    ViewRows,
)

log = structlog.get_logger("lives")


@dataclass(frozen=True)
class NewLive:
    title: str
    visibility: Audience
    record: bool = True
    keep_replay: bool = True
    prefer: str = "h264"
    slow_mode_s: int = 0
    guests: Sequence[str] = ()


@dataclass(frozen=True)
class Invitation:
    """A right to publish. `token` is told once."""

    publication_id: str
    live_id: str
    token: str


class Lives:
    """Keeps `ports.LiveGate` and the `TakedownPort` of kind "live"."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        relations: Relations,
        directory: Directory,
        signals: Signals,
        limiter: Limiter,
        activity: Activity,
        media: MediaControl,
        rooms: LiveRooms,
        standing: Standing,
        publications: Publications,
        views: ViewRows,
    ) -> None:
        self._db = db
        self._clock = clock
        self._relations = relations
        self._directory = directory
        self._signals = signals
        self._limiter = limiter
        self._activity = activity
        self._media = media
        self._rooms = rooms
        self._standing = standing
        self.publications = publications
        self._views = views
        # Told that somebody's publication is over for good, or all of a live; whoever made a live for two ends what hangs on it.
        self.departures: list[Callable[[str], Awaitable[None]]] = []

    async def start(self) -> Callable[[], Awaitable[None]]:
        return await self._standing.start()

    # -- the host
    async def create(self, me: Principal, new: NewLive, idempotency: str | None = None) -> tuple[Mapping[str, Any], Invitation]:
        """A new live and its host's right to publish. Raises Conflict when the key was used before (its token cannot be told twice)."""
        await self._limiter.hit("live_start_per_account", me.account_id)
        guests = await self._guests(me, new.guests)
        live_id, now_ms = new_id(), self._clock.at_ms()
        token = rules.new_publish_token()
        publication_id = new_id()
        try:
            async with self._db.write() as conn:
                await conn.execute(
                    insert(live).values(
                        id=live_id,
                        owner_id=me.account_id,
                        title=new.title,
                        visibility=new.visibility,
                        record=new.record,
                        keep_replay=new.keep_replay,
                        prefer=new.prefer,
                        slow_mode_s=new.slow_mode_s,
                        state="waiting",
                        created_ms=now_ms,
                        peak_viewers=0,
                        version=1,
                        idempotency=idempotency,
                    )
                )
                await conn.execute(
                    insert(live_publication).values(
                        id=publication_id,
                        live_id=live_id,
                        account_id=me.account_id,
                        kind="host",
                        token_hash=token.hash,
                        created_ms=now_ms,
                    )
                )
                await self._activity.add(conn, me.account_id, "live_created", {"live": live_id})
        except IntegrityError as exc:
            raise errors.Conflict("This key was used before; its token was told then.", type="already_created") from exc
        for guest_id in guests:
            await self._invite(live_id, guest_id)
        return await self.get(me, live_id), Invitation(publication_id, live_id, token.secret)

    async def _guests(self, me: Principal, usernames: Sequence[str]) -> list[str]:
        if len(usernames) > rules.GUEST_LIMIT:
            raise errors.Invalid([errors.FieldError("guests", f"at most {rules.GUEST_LIMIT}")])
        found = []
        for username in usernames:
            guest_id = await self._directory.by_username(username)
            if guest_id is None or (await self._relations.between(me.account_id, guest_id)).blocked:
                raise errors.NotFound(f"There is nobody called {username}.")
            audience: Audience = await self._directory.setting(guest_id, "who_can_invite")
            if not await self._relations.allows(guest_id, me.account_id, audience):
                raise errors.Forbidden(f"{username} takes no invitations from you.", type="invites_closed")
            found.append(guest_id)
        return found

    async def _invite(self, live_id: str, guest_id: str) -> Invitation:
        token = rules.new_publish_token()
        publication_id = new_id()
        async with self._db.write() as conn:
            known = (
                await conn.execute(
                    select(live_publication.c.id).where(live_publication.c.live_id == live_id, live_publication.c.account_id == guest_id)
                )
            ).scalar_one_or_none()
            if known is not None:
                publication_id = known
                await conn.execute(
                    update(live_publication)
                    .where(live_publication.c.id == known)
                    .values(token_hash=token.hash, created_ms=self._clock.at_ms())
                )
            else:
                await conn.execute(
                    insert(live_publication).values(
                        id=publication_id,
                        live_id=live_id,
                        account_id=guest_id,
                        kind="guest",
                        token_hash=token.hash,
                        created_ms=self._clock.at_ms(),
                    )
                )
        return Invitation(publication_id, live_id, token.secret)

    async def renew_token(self, me: Principal, live_id: str) -> Invitation:
        """The host's right to publish anew: the token before is worth nothing from now on."""
        row = await self._owned(me, live_id)
        if row["state"] == "ended":
            raise errors.Gone("This live is over.")
        return await self._invite(live_id, me.account_id)

    async def invite_guest(self, me: Principal, live_id: str, username: str) -> Invitation:
        """A guest's right to publish; given to the host, who hands it on, and told to the guest as a notice."""
        row = await self._owned(me, live_id)
        if row["state"] == "ended":
            raise errors.Gone("This live is over.")
        (guest_id,) = await self._guests(me, [username])
        async with self._db.read() as conn:
            count = (
                await conn.execute(select(func.count()).select_from(live_publication).where(live_publication.c.live_id == live_id))
            ).scalar_one()
        if count > rules.GUEST_LIMIT:
            raise errors.Conflict(f"At most {rules.GUEST_LIMIT} guests.", type="too_many_guests")
        return await self._invite(live_id, guest_id)

    async def change(self, me: Principal, live_id: str, version: int | None, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Title, visibility, slow mode, replay. Raises StaleTag when `version` is older than what is stored."""
        await self._owned(me, live_id)
        async with self._db.write() as conn:
            row = await self._row(conn, live_id)
            if version is not None and row["version"] != version:
                raise errors.StaleTag()
            if changes:
                await conn.execute(update(live).where(live.c.id == live_id).values(**changes, version=live.c.version + 1))
        await self._standing.changed(live_id)
        if "visibility" in changes:
            await self._signals.audience_changed(live_id)
            await self._put_out_others(live_id)
        return await self.get(me, live_id)

    async def _put_out_others(self, live_id: str) -> None:
        """Who watches by WebRTC and is not in the audience any more."""
        async with self._db.read() as conn:
            row = await self._row(conn, live_id)
        for viewer in await self._media.watchers(live_id):
            if await self._hidden(viewer, row):
                await self._signals.cut_account(viewer, "not in the audience any more", live_id)
                await self._media.cut(viewer, live_id, "not in the audience any more")

    async def end(self, live_id: str, reason: str, by: Principal | None = None) -> Mapping[str, Any]:
        """End for everybody; ending twice changes nothing. `by` None = the platform itself."""
        if by is not None:
            await self._owned(by, live_id)
        peak = await self._rooms.peak(live_id)
        async with self._db.write() as conn:
            done = await conn.execute(
                update(live)
                .where(live.c.id == live_id, live.c.state != "ended")
                .values(state="ended", end_reason=reason, ended_ms=self._clock.at_ms(), version=live.c.version + 1)
            )
            if by is not None and not done.rowcount:
                await self._said_after_leaving(conn, live_id, reason)
            await conn.execute(_raised(live_id, peak))
            row = await self._row(conn, live_id)
        await self._standing.changed(live_id)
        if done.rowcount:
            await self._media.end_live(live_id)
            await self._rooms.end(live_id, {"live": live_id, "reason": reason})
            await self.departed(live_id)
        return row

    async def _said_after_leaving(self, conn: AsyncConnection, live_id: str, reason: str) -> None:
        """Who hangs up first and then says "end" has ended it on purpose: the word within the time to come back is the reason."""
        left = (live.c.end_reason == rules.HOST_LEFT, live.c.ended_ms > self._clock.at_ms() - rules.END_SAID_MS)
        await conn.execute(update(live).where(live.c.id == live_id, *left).values(end_reason=reason, version=live.c.version + 1))

    async def separate(self, one: str, other: str) -> None:
        """A block between two people: neither goes on watching the other's live, room included."""
        self._standing.forget(one, other)
        # Who watches an ended one to its end by HLS is put out too.
        is_watched = or_(live.c.state == "live", live.c.ended_ms > self._clock.at_ms() - rules.WATCHED_AFTER_END_MS)
        query = select(live.c.id, live.c.owner_id).where(is_watched, live.c.owner_id.in_([one, other]))
        async with self._db.read() as conn:
            running = [(row.id, other if row.owner_id == one else one) for row in await conn.execute(query)]
        for live_id, viewer in running:
            await self._signals.cut_account(viewer, "left", live_id)
            await self._media.cut(viewer, live_id, "left")

    # -- reading
    async def _row(self, conn: AsyncConnection, live_id: str) -> dict[str, Any]:
        row = (await conn.execute(select(live).where(live.c.id == live_id))).mappings().one_or_none()
        if row is None:
            raise errors.NotFound("There is no such live.")
        return dict(row)

    async def _owned(self, me: Principal, live_id: str) -> dict[str, Any]:
        async with self._db.read() as conn:
            row = await self._row(conn, live_id)
        if row["owner_id"] != me.account_id:
            if await self._hidden(me.account_id, row):
                raise errors.NotFound("There is no such live.")
            raise errors.Forbidden("Only the host may do that.", type="not_the_host")
        return row

    async def _hidden(self, viewer: str, row: Mapping[str, Any]) -> bool:
        if row["owner_id"] == viewer:
            return False
        if row["disabled_reason"] is not None or not await self._directory.is_active(row["owner_id"]):
            return True
        if not await self._relations.allows(row["owner_id"], viewer, row["visibility"]):
            async with self._db.read() as conn:
                guest = select(live_publication.c.id).where(
                    live_publication.c.live_id == row["id"], live_publication.c.account_id == viewer
                )
                invited = (await conn.execute(guest)).first() is not None
            if not invited or (await self._relations.between(viewer, row["owner_id"])).blocked:
                return True
        return await self._restricted(row["id"], viewer, "banned")

    async def _restricted(self, live_id: str, account_id: str, kind: str) -> bool:
        async with self._db.read() as conn:
            found = await conn.execute(
                select(live_restriction.c.kind).where(
                    live_restriction.c.live_id == live_id,
                    live_restriction.c.account_id == account_id,
                    live_restriction.c.kind == kind,
                    or_(live_restriction.c.until_ms.is_(None), live_restriction.c.until_ms > self._clock.at_ms()),
                )
            )
            return found.first() is not None

    async def get(self, me: Principal, live_id: str) -> dict[str, Any]:
        """The live as `me` may see it, with `viewers`. Raises NotFound."""
        async with self._db.read() as conn:
            row = await self._row(conn, live_id)
        if await self._hidden(me.account_id, row):
            raise errors.NotFound("There is no such live.")
        row["viewers"] = await self._rooms.viewers(live_id) if row["state"] == "live" else 0
        row["peak_viewers"] = max(row["peak_viewers"], await self._rooms.peak(live_id))
        return row

    async def check_share(self, me: Principal, content_id: str) -> None:
        """Keeps `ports.ShareGate`: a live that is over, or taken down, is not handed on."""
        row = await self.get(me, content_id)
        if row["state"] == "ended":
            raise errors.Gone("This live is over.")
        if row["disabled_reason"] is not None:
            raise errors.LegallyUnavailable("This live was removed.", type="removed")

    async def running(self, me: Principal, limit: int, before: tuple[int, str] | None) -> list[dict[str, Any]]:
        """Lives on the air that `me` may watch, newest first; `before` is the last one's (started_ms, id)."""
        hidden = await self._relations.blocked_either_way(me.account_id)
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            # One for nobody is for those who were asked into it: they have its address.
            query = select(live).where(live.c.state == "live", live.c.disabled_reason.is_(None), live.c.visibility != "nobody")
            if before is not None:
                started_ms, live_id = before
                query = query.where(or_(live.c.started_ms < started_ms, and_(live.c.started_ms == started_ms, live.c.id < live_id)))
            query = query.order_by(live.c.started_ms.desc(), live.c.id.desc()).limit(limit * 2)
            async with self._db.read() as conn:
                rows = [dict(row) for row in (await conn.execute(query)).mappings()]
            for row in rows:
                before = (row["started_ms"], row["id"])
                if row["owner_id"] in hidden or await self._hidden(me.account_id, row):
                    continue
                row["viewers"] = await self._rooms.viewers(row["id"])
                found.append(row)
                if len(found) == limit:
                    break
            if len(rows) < limit * 2:
                break
        return found

    # -- watching by HLS
    async def to_watch(self, account_id: str, live_id: str) -> dict[str, Any]:
        """The live, also one that is over. Raises NotFound (none, disabled, blocked either way, not in its audience, put out)."""
        async with self._db.read() as conn:
            row = await self._row(conn, live_id)
        if await self._hidden(account_id, row):
            raise errors.NotFound("There is no such live.")
        return row

    async def check_watch(self, account_id: str, live_id: str) -> None:
        """Raises NotFound when `to_watch` would, or when the viewer's account is gone."""
        if not await self._directory.is_active(account_id):
            raise errors.NotFound("There is no such live.")
        await self.to_watch(account_id, live_id)

    # -- the feed's cards (ports.FeedSource)
    async def of(self, me: Principal, owner_id: str, limit: int) -> list[dict[str, Any]]:
        """An account's own lives, newest first."""
        query = select(live).where(live.c.owner_id == owner_id).order_by(live.c.created_ms.desc()).limit(limit)
        async with self._db.read() as conn:
            return [dict(row) for row in (await conn.execute(query)).mappings() if row["owner_id"] == me.account_id]

    # -- the room's questions (ports.LiveGate)
    async def may_join(self, account_id: str, live_id: str) -> LiveFacts:
        return (await self._verdict(account_id, live_id)).facts

    async def may_say(self, account_id: str, live_id: str) -> LiveFacts:
        verdict = await self._verdict(account_id, live_id)
        if verdict.is_muted:
            raise errors.Forbidden("The host muted you here.", type="muted")
        return verdict.facts

    async def _verdict(self, account_id: str, live_id: str) -> Verdict:
        """Raises NotFound or Gone, which are never kept."""
        verdict = self._standing.get(live_id, account_id)
        if verdict is not None:
            return verdict
        stamp = self._standing.stamp
        async with self._db.read() as conn:
            row = await self._row(conn, live_id)
        if await self._hidden(account_id, row):
            raise errors.NotFound("There is no such live.")
        if row["state"] == "ended":
            raise errors.Gone("This live is over.", type="ended", video=row["video_id"])
        facts = LiveFacts(
            id=live_id,
            host_id=row["owner_id"],
            title=row["title"],
            state=row["state"],
            started_ms=row["started_ms"],
            slow_mode_s=row["slow_mode_s"],
        )
        is_muted = await self._restricted(live_id, account_id, "muted")
        return self._standing.keep(live_id, account_id, facts, is_muted, stamp)

    async def peaked(self, live_id: str, viewers: int) -> None:
        async with self._db.write() as conn:
            await conn.execute(_raised(live_id, viewers))

    async def departed(self, live_id: str) -> None:
        for told in self.departures:
            await told(live_id)

    async def restated(self, live_id: str) -> None:
        """Its state changed: what is kept of it in memory is read anew, in every process."""
        await self._standing.changed(live_id)

    async def joined(self, account_id: str, live_id: str) -> list[Mapping[str, Any]]:
        return await self.publications.now(account_id, live_id)

    # -- takedowns (ports.TakedownPort)
    async def owner_of(self, target: TakedownTarget) -> str | None:
        async with self._db.read() as conn:
            found = (await conn.execute(select(live.c.owner_id).where(live.c.id == target.id))).scalar_one_or_none()
        return None if found is None else str(found)

    async def disable(self, conn: AsyncConnection, target: TakedownTarget, reason: str) -> None:
        await conn.execute(update(live).where(live.c.id == target.id).values(disabled_reason=reason[:200], version=live.c.version + 1))

    async def enable(self, conn: AsyncConnection, target: TakedownTarget) -> None:
        await conn.execute(update(live).where(live.c.id == target.id).values(disabled_reason=None, version=live.c.version + 1))

    async def disabled_now(self, target: TakedownTarget) -> None:
        # `end` forgets who might speak there.
        await self.end(target.id, "taken_down")
        await self._signals.audience_changed(target.id)

    # -- erasure (ports.Eraser)
    async def erase(self, account_id: str) -> None:
        async with self._db.read() as conn:
            query = select(live.c.id).where(live.c.owner_id == account_id, live.c.state != "ended")
            running = [row.id for row in await conn.execute(query)]
        for live_id in running:
            await self.end(live_id, "account_deleted")
        async with self._db.write() as conn:
            owned = (await conn.execute(select(live.c.id).where(live.c.owner_id == account_id))).scalars().all()
            await self._views.drop(conn, owned)


def _raised(live_id: str, viewers: int) -> Update:
    return update(live).where(live.c.id == live_id, live.c.peak_viewers < viewers).values(peak_viewers=viewers)
