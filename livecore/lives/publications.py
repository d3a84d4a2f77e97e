"""What is published to a live: whose token it is, what is up now, and which publication is the host's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from livecore import errors
from livecore.lives import rules
from livecore.lives.tables import live, live_publication
from livecore.ports import Clock, Database, Directory, Relations

# Lives whose host publication is kept in memory, some 200 bytes each; then the store is asked again.
HOST_PUBLICATIONS_LIMIT = 50_000


@dataclass(frozen=True)
class Publisher:
    publication_id: str
    live_id: str
    account_id: str
    kind: str


class Publications:
    def __init__(self, db: Database, clock: Clock, relations: Relations, directory: Directory, publish_token_s: int) -> None:
        self._db = db
        self._clock = clock
        self._relations = relations
        self._directory = directory
        self._publish_token_ms = publish_token_s * 1000
        self._host_publications: dict[str, str] = {}  # by live

    async def now(self, viewer: str | None, live_id: str) -> list[Mapping[str, Any]]:
        """What is published now, the host first: `{id, account, username, kind}`."""
        query = (
            select(live_publication)
            .where(live_publication.c.live_id == live_id, live_publication.c.up_ms.is_not(None))
            .order_by(live_publication.c.kind.desc(), live_publication.c.up_ms)
        )
        async with self._db.read() as conn:
            rows = [dict(row) for row in (await conn.execute(query)).mappings()]
        cards = await self._directory.cards(viewer, [row["account_id"] for row in rows])
        return [
            {"id": row["id"], "account": row["account_id"], "username": cards[row["account_id"]].username, "kind": row["kind"]}
            for row in rows
            if row["account_id"] in cards
        ]

    async def publisher(self, live_id: str, token: str) -> Publisher:
        """Whose token this is. Raises Unauthorised, or Gone when the live is over."""
        query = select(live_publication, live.c.state, live.c.owner_id, live.c.disabled_reason).join_from(
            live_publication, live, live.c.id == live_publication.c.live_id
        )
        async with self._db.read() as conn:
            row = (await conn.execute(query.where(live_publication.c.token_hash == rules.token_hash(token)))).mappings().one_or_none()
        if row is None or row["live_id"] != live_id:
            raise errors.Unauthorised("This token does not publish here.")
        if self._clock.at_ms() >= row["created_ms"] + self._publish_token_ms:
            raise errors.Unauthorised("This token has expired.", type="token_expired")
        if row["state"] == "ended" or row["disabled_reason"] is not None:
            raise errors.Gone("This live is over.", type="ended")
        if not await self._directory.is_active(row["account_id"]):
            raise errors.Forbidden("This account may not publish.")
        if row["kind"] == "guest" and (await self._relations.between(row["owner_id"], row["account_id"])).blocked:
            raise errors.Forbidden("You are not a guest here any more.")
        return Publisher(row["id"], live_id, row["account_id"], row["kind"])

    async def publication_of(self, token: str) -> str:
        """The publication that a publish token stands for, whatever became of its live. Raises Unauthorised."""
        async with self._db.read() as conn:
            query = select(live_publication.c.id).where(live_publication.c.token_hash == rules.token_hash(token))
            found = (await conn.execute(query)).scalar_one_or_none()
        if found is None:
            raise errors.Unauthorised("This token publishes nothing.")
        return str(found)

    async def prefers(self, live_id: str) -> str:
        """The codec that its host wished for. Raises NotFound."""
        async with self._db.read() as conn:
            found = (await conn.execute(select(live.c.prefer).where(live.c.id == live_id))).scalar_one_or_none()
        if found is None:
            raise errors.NotFound("There is no such live.")
        return str(found)

    async def host_publication(self, live_id: str) -> str:
        """Made with the live and never another: read once by each process. Raises NotFound."""
        known = self._host_publications.get(live_id)
        if known is not None:
            return known
        async with self._db.read() as conn:
            query = select(live_publication.c.id).where(live_publication.c.live_id == live_id, live_publication.c.kind == "host")
            found = (await conn.execute(query)).scalar_one_or_none()
        if found is None:
            raise errors.NotFound("There is no such live.")
        if len(self._host_publications) >= HOST_PUBLICATIONS_LIMIT:
            self._host_publications.clear()
        self._host_publications[live_id] = str(found)
        return str(found)
