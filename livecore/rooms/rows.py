"""Statements that several parts of rooms share: a conversation's row and its members', inside the caller's transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.ids import new_id
from livecore.rooms import bodies, tables
from livecore.rooms.mailboxes import NOBODY
from livecore.rooms.roles import successor


async def insert_conversation(conn: AsyncConnection, kind: str, by: str, title: str | None, pair: bytes | None, at_ms: int) -> str:
    conversation_id = new_id()
    await conn.execute(
        insert(tables.conversation).values(
            id=conversation_id,
            kind=kind,
            pair=pair,
            title=title,
            epoch=new_id()[-12:],
            seq=0,
            version=1,
            scope=None,
            created_by=by,
            created_ms=at_ms,
        )
    )
    return conversation_id


async def add_members(
    conn: AsyncConnection,
    conversation_id: str,
    seq: int,
    people: Sequence[tuple[str, str]],
    at_ms: int,
    *,
    opened: bool = False,
    request: bool = False,
) -> None:
    """(account, role) of each; they are given what comes after `seq`, on each of their devices."""
    rows = [
        {
            "conversation_id": conversation_id,
            "account_id": account,
            "role": role,
            "open": opened,
            "request": request,
            "since_seq": seq,
            "received_seq": seq,
            "read_seq": seq,
            "joined_ms": at_ms,
        }
        for account, role in people
    ]
    if rows:
        await conn.execute(insert(tables.member), rows)
    readers = [account for account, role in people if role != "recipient"]
    box = tables.mailbox.c
    devices: dict[str, list[str]] = {account: [] for account in readers}
    for start in range(0, len(readers), bodies.CHUNK):
        part = readers[start : start + bodies.CHUNK]
        for row in await conn.execute(select(box.account_id, box.device_id).where(box.account_id.in_(part))):
            devices[row.account_id].append(row.device_id)
    cursors = [
        {"conversation_id": conversation_id, "account_id": account, "device_id": device, "seq": seq, "since_seq": seq, "lost_seq": 0}
        for account, held in devices.items()
        for device in held or [NOBODY]
    ]
    if cursors:
        await conn.execute(insert(tables.device_cursor), cursors)


async def join(conn: AsyncConnection, conversation_id: str, account_id: str, role: str, at_ms: int, limit: int) -> bool:
    """One more member, unless they are in it already (False). The version is raised, which holds off others who join.

    Raises NotFound, or Conflict (`full`) at `limit` members.
    """
    columns = tables.member.c
    seq = await raise_version(conn, conversation_id)
    here = columns.conversation_id == conversation_id
    if (await conn.execute(select(columns.account_id).where(here, columns.account_id == account_id))).first() is not None:
        return False
    if int((await conn.execute(select(func.count()).select_from(tables.member).where(here))).scalar_one()) >= limit:
        raise errors.Conflict(f"A group has at most {limit} members.", type="full")
    await add_members(conn, conversation_id, seq, [(account_id, role)], at_ms)
    return True


async def note_removed(conn: AsyncConnection, conversation_id: str, account_id: str, at_ms: int) -> None:
    await forget_removed(conn, conversation_id, account_id)
    await conn.execute(tables.removed.insert().values(conversation_id=conversation_id, account_id=account_id, at_ms=at_ms))


async def forget_removed(conn: AsyncConnection, conversation_id: str, account_id: str) -> None:
    columns = tables.removed.c
    await conn.execute(delete(tables.removed).where(columns.conversation_id == conversation_id, columns.account_id == account_id))


async def removed_ms(conn: AsyncConnection, conversation_id: str, account_id: str) -> int | None:
    """When an admin removed them; None: nobody did, or they were added again."""
    columns = tables.removed.c
    query = select(columns.at_ms).where(columns.conversation_id == conversation_id, columns.account_id == account_id)
    found: int | None = (await conn.execute(query)).scalar_one_or_none()
    return found


async def raise_version(conn: AsyncConnection, conversation_id: str, **changes: Any) -> int:
    """Raise the version, so that no draft checked against the old members is numbered; answers the head. Raises NotFound."""
    columns = tables.conversation.c
    statement = update(tables.conversation).where(columns.id == conversation_id).values(version=columns.version + 1, **changes)
    seq = (await conn.execute(statement.returning(columns.seq))).scalar_one_or_none()
    if seq is None:
        raise errors.NotFound("There is no such conversation.")
    return int(seq)


async def set_member(conn: AsyncConnection, conversation_id: str, account_id: str, **changes: Any) -> None:
    columns = tables.member.c
    where = (columns.conversation_id == conversation_id, columns.account_id == account_id)
    await conn.execute(update(tables.member).where(*where).values(**changes))


async def hand_over(conn: AsyncConnection, conversation_id: str) -> None:
    """A group that lost its owner gets another one."""
    columns, talk = tables.member.c, tables.conversation.c
    kind = (await conn.execute(select(talk.kind).where(talk.id == conversation_id))).scalar_one_or_none()
    if kind != "group":
        return
    query = select(columns.account_id, columns.role).where(columns.conversation_id == conversation_id)
    rows = await conn.execute(query.order_by(columns.joined_ms, columns.account_id))
    heir = successor({row.account_id: row.role for row in rows})
    if heir is not None:
        await set_member(conn, conversation_id, heir, role="owner", silenced_ms=None)


async def end_if_empty(conn: AsyncConnection, conversation_id: str) -> None:
    """Without anybody who reads it a conversation ends, with all that belongs to it."""
    columns = tables.member.c
    here = columns.conversation_id == conversation_id
    if (await conn.execute(select(columns.account_id).where(here, columns.role != "recipient").limit(1))).first() is not None:
        return
    for table in (tables.member, tables.invite, tables.picture):
        await conn.execute(delete(table).where(table.c.conversation_id == conversation_id))
    await conn.execute(delete(tables.conversation).where(tables.conversation.c.id == conversation_id))
