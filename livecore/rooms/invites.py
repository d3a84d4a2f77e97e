"""Links into a group. A link's secret is a keyed word about its id: it can be shown again and stands in no table."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from livecore import errors
from livecore.config import Settings
from livecore.ids import is_id, new_id
from livecore.ports import Clock, Database, Directory, Keys, PersonCard, Principal, Relations
from livecore.rooms import rows, tables
from livecore.rooms.membership import Conversations
from livecore.rooms.roles import MANAGERS
from livecore.rooms.snapshots import Snapshot, Snapshots

# Links of one group at a time: each admin some, each forgotten one a door.
INVITES_LIMIT = 20
# 96 bits: nobody guesses one, and the address stays short enough to be read out.
SECRET_BYTES = 12


@dataclass(frozen=True)
class Invite:
    """`uses_limit` None: as many as like until it expires."""

    id: str
    token: str
    conversation_id: str
    creator: PersonCard | None
    created_ms: int
    expires_ms: int
    uses: int
    uses_limit: int | None


class Invites:
    def __init__(
        self,
        db: Database,
        keys: Keys,
        clock: Clock,
        settings: Settings,
        relations: Relations,
        directory: Directory,
        snapshots: Snapshots,
        conversations: Conversations,
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._limit = settings.group_limit
        self._relations = relations
        self._directory = directory
        self._snapshots = snapshots
        self._conversations = conversations

    # -- for admins

    async def create(self, principal: Principal, conversation_id: str, lifetime_s: int, uses_limit: int | None) -> Invite:
        """Raises Forbidden (`not_admin`), Conflict (`not_a_group`, `too_many_invites`)."""
        await self._managed(principal, conversation_id)
        columns, at_ms = tables.invite.c, self._clock.at_ms()
        row = {
            "id": new_id(),
            "conversation_id": conversation_id,
            "created_by": principal.account_id,
            "created_ms": at_ms,
            "expires_ms": at_ms + lifetime_s * 1000,
            "uses": 0,
            "uses_limit": uses_limit,
        }
        here = columns.conversation_id == conversation_id
        async with self._db.write() as conn:
            await conn.execute(delete(tables.invite).where(here, columns.expires_ms <= at_ms))
            if int((await conn.execute(select(func.count()).select_from(tables.invite).where(here))).scalar_one()) >= INVITES_LIMIT:
                raise errors.Conflict(f"A group has at most {INVITES_LIMIT} links; revoke one first.", type="too_many_invites")
            await conn.execute(insert(tables.invite).values(row))
        return (await self._shown(principal, [row]))[0]

    async def list(self, principal: Principal, conversation_id: str) -> Sequence[Invite]:
        """Those that still open, oldest first."""
        await self._managed(principal, conversation_id)
        columns = tables.invite.c
        query = select(tables.invite).where(columns.conversation_id == conversation_id, columns.expires_ms > self._clock.at_ms())
        async with self._db.read() as conn:
            found = (await conn.execute(query.order_by(columns.created_ms, columns.id))).mappings().all()
        return await self._shown(principal, found)

    async def revoke(self, principal: Principal, conversation_id: str, invite_id: str) -> None:
        await self._managed(principal, conversation_id)
        columns = tables.invite.c
        async with self._db.write() as conn:
            await conn.execute(delete(tables.invite).where(columns.conversation_id == conversation_id, columns.id == invite_id))

    async def _managed(self, principal: Principal, conversation_id: str) -> Snapshot:
        snapshot = await self._conversations.as_manager(principal, conversation_id)
        if snapshot.kind != "group":
            raise errors.Conflict("Only groups have links.", type="not_a_group")
        return snapshot

    async def _shown(self, principal: Principal, found: Sequence[Any]) -> Sequence[Invite]:
        cards = await self._directory.cards(principal.account_id, {row["created_by"] for row in found})
        return [
            Invite(
                row["id"],
                self._token(row["id"]),
                row["conversation_id"],
                cards.get(row["created_by"]),
                row["created_ms"],
                row["expires_ms"],
                row["uses"],
                row["uses_limit"],
            )
            for row in found
        ]

    # -- for those who have one

    async def look(self, principal: Principal, token: str) -> tuple[Invite, Snapshot]:
        """What a link leads to. Raises NotFound for what is no link, and for who is blocked; Gone for one that is used up."""
        invite_id, secret = token[:32], token[32:]
        if not is_id(invite_id) or not hmac.compare_digest(secret, self._token(invite_id)[32:]):
            raise errors.NotFound("There is no such link.")
        async with self._db.read() as conn:
            row = (await conn.execute(select(tables.invite).where(tables.invite.c.id == invite_id))).mappings().one_or_none()
        snapshot = await self._snapshots.get(row["conversation_id"]) if row is not None else None
        # A link lasts no longer than its maker is an admin there.
        if row is None or snapshot is None or snapshot.roles.get(row["created_by"]) not in MANAGERS:
            raise errors.Gone("This link was revoked.", type="invite_over")
        barred = await self._relations.blocked_either_way(principal.account_id)
        if barred & {account for account, role in snapshot.roles.items() if role in MANAGERS}:
            raise errors.NotFound("There is no such link.")
        is_over = row["expires_ms"] <= self._clock.at_ms() or (row["uses_limit"] is not None and row["uses"] >= row["uses_limit"])
        if is_over and principal.account_id not in snapshot.members:
            raise errors.Gone("This link is used up.", type="invite_over")
        return (await self._shown(principal, [row]))[0], snapshot

    async def join(self, principal: Principal, token: str) -> str:
        """The group's id. Joining again changes nothing. Raises as `look`, Forbidden (`removed`: by an admin, after the link was made), and
        Conflict (`full`)."""
        invite, snapshot = await self.look(principal, token)
        if principal.account_id in snapshot.members:
            return snapshot.id
        columns = tables.invite.c
        async with self._db.write() as conn:
            removed_ms = await rows.removed_ms(conn, snapshot.id, principal.account_id)
            if removed_ms is not None and removed_ms >= invite.created_ms:
                raise errors.Forbidden("An admin removed you from this group; somebody there has to add you.", type="removed")
            is_new = await rows.join(conn, snapshot.id, principal.account_id, "member", self._clock.at_ms(), self._limit)
            used = update(tables.invite).where(
                columns.id == invite.id, (columns.uses_limit.is_(None)) | (columns.uses < columns.uses_limit)
            )
            if is_new and not (await conn.execute(used.values(uses=columns.uses + 1))).rowcount:
                raise errors.Gone("This link is used up.", type="invite_over")
        await self._conversations.tell_joined(snapshot, principal.account_id)
        return snapshot.id

    def _token(self, invite_id: str) -> str:
        return invite_id + self._keys.blind("invite", invite_id)[:SECRET_BYTES].hex()
