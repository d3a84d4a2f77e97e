"""Likes of videos and posts. Each act and its counter change in one transaction; every act needs the right to see the content."""

from collections.abc import Mapping, Sequence

from sqlalchemy import and_, bindparam, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError

from livecore import errors
from livecore.among import among, members
from livecore.attention import Attention
from livecore.ports import Clock, ContentKind, Database, Directory, Discussed, Notifier, PersonCard, Principal, Relations
from livecore.talk.tables import content_like

# Rounds through the likes for one page when most of them are by people whom the viewer does not see; the page is then short.
ROUNDS_LIMIT = 4

Place = tuple[int, str]


class Likes:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        kinds: Mapping[str, Discussed],
        relations: Relations,
        directory: Directory,
        attention: Attention,
        notifier: Notifier,
    ) -> None:
        self._db = db
        self._clock = clock
        self._kinds = kinds
        self._relations = relations
        self._directory = directory
        self._attention = attention
        self._notifier = notifier
        columns = content_like.c
        # On the path of each feed page, so it is made once.
        mine = (columns.account_id == bindparam("me"), among(db.dialect, columns.content_id, "ids"))
        self._liked = db.prepare(select(columns.content_id).where(*mine))

    async def liked(self, account_id: str, content_ids: Sequence[str]) -> frozenset[str]:
        """Which of these the account likes."""
        if not content_ids:
            return frozenset()
        rows = await self._liked({"me": account_id, "ids": members(self._db.dialect, content_ids)})
        return frozenset(row["content_id"] for row in rows)

    async def like(self, me: Principal, kind: ContentKind, content_id: str) -> None:
        """Liking twice changes nothing. Its owner is told once for the content, not for each like."""
        owner_id = (await self._kinds[kind].discussed(me.account_id, content_id)).owner_id
        is_told = await self._attention.wants(owner_id, me.account_id, "notify_likes")
        row = {"content_id": content_id, "account_id": me.account_id, "kind": kind, "created_ms": self._clock.at_ms()}
        try:
            async with self._db.write() as conn:
                await conn.execute(insert(content_like).values(row))
                if not await self._kinds[kind].count(conn, content_id, "likes", 1):
                    raise errors.NotFound(f"There is no such {kind}.")
                if is_told:
                    await self._notifier.notify(conn, owner_id, "like", {kind: content_id}, key=f"like:{content_id}")
        except IntegrityError:
            pass  # liked already, perhaps by the same person on another device in this moment

    async def unlike(self, me: Principal, kind: ContentKind, content_id: str) -> None:
        await self._kinds[kind].discussed(me.account_id, content_id)
        mine = (content_like.c.content_id == content_id, content_like.c.account_id == me.account_id)
        async with self._db.write() as conn:
            if (await conn.execute(delete(content_like).where(*mine))).rowcount:
                await self._kinds[kind].count(conn, content_id, "likes", -1)

    async def page(
        self, me: Principal, kind: ContentKind, content_id: str, limit: int, before: Place | None
    ) -> tuple[list[PersonCard], Place | None]:
        """Who likes it, those who did so last first, as far as they and `me` see one another; and where the next page begins."""
        await self._kinds[kind].discussed(me.account_id, content_id)
        hidden = await self._relations.blocked_either_way(me.account_id)
        columns = content_like.c
        people: list[PersonCard] = []
        for _ in range(ROUNDS_LIMIT):
            wanted = limit - len(people)
            query = select(columns.account_id, columns.created_ms).where(columns.content_id == content_id)
            if before is not None:
                at_ms, account_id = before
                below = and_(columns.created_ms == at_ms, columns.account_id < account_id)
                query = query.where(or_(columns.created_ms < at_ms, below))
            query = query.order_by(columns.created_ms.desc(), columns.account_id.desc()).limit(wanted)
            async with self._db.read() as conn:
                rows = (await conn.execute(query)).all()
            cards = await self._directory.active_cards(me.account_id, [row.account_id for row in rows])
            people += [cards[row.account_id] for row in rows if row.account_id in cards and row.account_id not in hidden]
            if len(rows) < wanted:
                return people, None
            before = (rows[-1].created_ms, rows[-1].account_id)
            if len(people) == limit:
                break
        return people, before
