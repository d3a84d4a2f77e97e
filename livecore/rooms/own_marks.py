"""How a member keeps a conversation for themselves: muted, archived, pinned. Told to their own devices, to nobody else."""

from typing import Any

from sqlalchemy import func, select

from livecore import errors
from livecore.ports import Clock, Database, Principal
from livecore.rooms import rows, tables
from livecore.rooms.fanout import Outlet
from livecore.rooms.membership import Conversations

# What fits above the fold of a phone's list.
PINNED_LIMIT = 5


class OwnMarks:
    def __init__(self, db: Database, clock: Clock, conversations: Conversations, outlet: Outlet) -> None:
        self._db = db
        self._clock = clock
        self._conversations = conversations
        self._outlet = outlet

    async def set(self, principal: Principal, conversation_id: str, marks: dict[str, Any]) -> None:
        """`marks`: `muted_until` (Unix ms, None), `archived`, `pinned` (booleans); what is not named stays.

        Raises NotFound, Conflict (`too_many_pinned`).
        """
        me = principal.account_id
        await self._conversations.get(me, conversation_id)
        at_ms = self._clock.at_ms()
        changes: dict[str, Any] = {}
        if "muted_until" in marks:
            changes["muted_until_ms"] = marks["muted_until"]
        if "archived" in marks:
            changes["archived_ms"] = at_ms if marks["archived"] else None
        if "pinned" in marks:
            changes["pinned_ms"] = at_ms if marks["pinned"] else None
        member = tables.member.c
        pinned = select(func.count()).select_from(tables.member)
        pinned = pinned.where(member.account_id == me, member.pinned_ms.is_not(None), member.conversation_id != conversation_id)
        async with self._db.write() as conn:
            if marks.get("pinned") and int((await conn.execute(pinned)).scalar_one()) >= PINNED_LIMIT:
                raise errors.Conflict(f"At most {PINNED_LIMIT} are pinned.", type="too_many_pinned")
            await rows.set_member(conn, conversation_id, me, **changes)
        await self._outlet.everywhere([me], "conversation:marked", {"conversation": conversation_id, **marks})
