"""What devices still lack, as far as whoever wakes them has to know. Keeps `ports.Undelivered`."""

from collections.abc import Mapping, Sequence

from sqlalchemy import and_, exists, func, or_, select

from livecore.ports import Clock, Database
from livecore.rooms import tables
from livecore.rooms.snapshots import Snapshots


class UndeliveredMessages:
    def __init__(self, db: Database, clock: Clock, snapshots: Snapshots) -> None:
        self._db = db
        self._clock = clock
        self._snapshots = snapshots

    async def members_of(self, conversation_id: str) -> Sequence[str]:
        snapshot = await self._snapshots.get(conversation_id)
        return snapshot.readers if snapshot is not None else []

    async def newest_waiting(self, devices: Mapping[str, str]) -> dict[str, int]:
        """What was withheld does not wait, nor what somebody muted, nor a stranger's request."""
        cursor, message, member, withheld = tables.device_cursor.c, tables.message.c, tables.member.c, tables.withheld.c
        not_given = exists().where(
            withheld.conversation_id == message.conversation_id, withheld.seq == message.seq, withheld.account_id == cursor.account_id
        )
        query = (
            select(cursor.device_id, func.max(message.sent_ms))
            .select_from(tables.device_cursor)
            .join(tables.member, and_(member.conversation_id == cursor.conversation_id, member.account_id == cursor.account_id))
            .join(tables.message, and_(message.conversation_id == cursor.conversation_id, message.seq > cursor.seq))
            .where(
                cursor.account_id.in_(sorted(set(devices.values()))),
                cursor.device_id.in_(sorted(devices)),
                member.request.is_(False),
                or_(member.muted_until_ms.is_(None), member.muted_until_ms <= self._clock.at_ms()),
                message.kind == "message",
                message.sender_id != cursor.account_id,
                ~not_given,
            )
            .group_by(cursor.device_id)
        )
        async with self._db.read() as conn:
            return {device_id: int(sent_ms) for device_id, sent_ms in await conn.execute(query)}
