"""Deleting held bodies off the commit path: after a device or a member left, and at the end of their time."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, and_, cast, delete, exists, func, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.rooms import tables

# Conversations, or messages, in one statement: well under the limit of bound values of either database.
CHUNK = 500
_HELD = select(
    tables.message.c.conversation_id,
    tables.message.c.seq,
    tables.message.c.sender_id,
    tables.message.c.sender_device,
    tables.message.c.scope,
)


def _still_wanted() -> Any:
    """Some device has yet to get the message: not the one that sent it, nor one of a person it is withheld from."""
    message, cursor, withheld = tables.message.c, tables.device_cursor.c, tables.withheld.c
    kept_from = exists().where(
        withheld.conversation_id == message.conversation_id, withheld.seq == message.seq, withheld.account_id == cursor.account_id
    )
    return exists().where(
        cursor.conversation_id == message.conversation_id,
        cursor.seq < message.seq,
        not_(and_(cursor.account_id == message.sender_id, cursor.device_id == message.sender_device)),
        not_(kept_from),
    )


async def delete_delivered(conn: AsyncConnection, conversation_ids: Iterable[str]) -> dict[str, str]:
    """Delete what nobody waits for any more; answers scopes that lost a body, with their conversations."""
    wanted = list(dict.fromkeys(conversation_ids))
    emptied: dict[str, str] = {}
    columns = tables.message.c
    for start in range(0, len(wanted), CHUNK):
        statement = (
            delete(tables.message)
            .where(columns.conversation_id.in_(wanted[start : start + CHUNK]), not_(_still_wanted()))
            .returning(columns.scope, columns.conversation_id)
        )
        emptied |= {row.scope: row.conversation_id for row in await conn.execute(statement)}
    return emptied


async def delete_expired(conn: AsyncConnection, before_ms: int) -> dict[str, str]:
    """Delete one chunk of what was sent before `before_ms` and note for each device that waited up to where it lost something."""
    return await _delete_unread(conn, _HELD.where(tables.message.c.sent_ms < before_ms))


async def delete_timed(conn: AsyncConnection, at_ms: int) -> dict[str, str]:
    """The same with what disappears by its conversation's timer."""
    columns = tables.message.c
    timed = _HELD.join(tables.conversation, tables.conversation.c.id == columns.conversation_id)
    return await _delete_unread(conn, timed.where(timer_is_over(columns.sent_ms, at_ms)))


def timer_is_over(sent_ms: Any, at_ms: int) -> Any:
    """Whether what was sent then has disappeared by the timer of its conversation, which is in the query."""
    talk = tables.conversation.c
    return and_(talk.timer_s.is_not(None), sent_ms + cast(talk.timer_s, BigInteger) * 1000 < at_ms)


async def _delete_unread(conn: AsyncConnection, query: Any) -> dict[str, str]:
    columns, cursor = tables.message.c, tables.device_cursor.c
    rows = (await conn.execute(query.order_by(columns.sent_ms).limit(CHUNK))).all()
    for row in rows:
        kept_from = exists().where(
            tables.withheld.c.conversation_id == row.conversation_id,
            tables.withheld.c.seq == row.seq,
            tables.withheld.c.account_id == cursor.account_id,
        )
        await conn.execute(
            update(tables.device_cursor)
            .where(
                cursor.conversation_id == row.conversation_id,
                cursor.seq < row.seq,
                cursor.lost_seq < row.seq,
                not_(and_(cursor.account_id == row.sender_id, cursor.device_id == row.sender_device)),
                not_(kept_from),
            )
            .values(lost_seq=row.seq)
        )
        await conn.execute(delete(tables.message).where(columns.conversation_id == row.conversation_id, columns.seq == row.seq))
    return {row.scope: row.conversation_id for row in rows}


async def delete_stale_withheld(conn: AsyncConnection) -> None:
    """Withheld numbers whose message is gone say nothing any more."""
    message, withheld = tables.message.c, tables.withheld.c
    held = exists().where(message.conversation_id == withheld.conversation_id, message.seq == withheld.seq)
    await conn.execute(delete(tables.withheld).where(not_(held)))


async def scopes_kept(conn: AsyncConnection, after: str, limit: int) -> dict[str, str]:
    """Keys on record above `after`, in order: what a start looks through for keys without bodies."""
    columns = tables.body_key.c
    query = select(columns.scope, columns.conversation_id).where(columns.scope > after).order_by(columns.scope).limit(limit)
    return {row.scope: row.conversation_id for row in await conn.execute(query)}


async def held_count(conn: AsyncConnection) -> int:
    return int((await conn.execute(select(func.count()).select_from(tables.message))).scalar_one())
