"""Conversations and who is in them: begun, joined, left, handed over. Each change raises the conversation's version."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.config import Settings
from livecore.errors import FieldError, Invalid
from livecore.ids import new_id
from livecore.ports import Audience, Clock, Database, Directory, Keys, Principal, Relations
from livecore.rooms import bodies, tables
from livecore.rooms.admission import Verdict, check_direct, check_group_add
from livecore.rooms.fanout import Hub, Outlet
from livecore.rooms.items import ConversationKind
from livecore.rooms.mailboxes import NOBODY
from livecore.rooms.snapshots import Snapshot, Snapshots
from livecore.rooms.writer import Writer


class Conversations:
    def __init__(
        self,
        db: Database,
        keys: Keys,
        clock: Clock,
        settings: Settings,
        relations: Relations,
        directory: Directory,
        snapshots: Snapshots,
        hub: Hub,
        outlet: Outlet,
        writer: Writer,
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._settings = settings
        self._relations = relations
        self._directory = directory
        self._snapshots = snapshots
        self._hub = hub
        self._outlet = outlet
        self._writer = writer

    async def get(self, account_id: str, conversation_id: str) -> Snapshot:
        """Raises NotFound for who is no reader of it."""
        snapshot = await self._snapshots.get(conversation_id)
        if snapshot is None or account_id not in snapshot.members or snapshot.members[account_id].role == "recipient":
            raise errors.NotFound("There is no such conversation.")
        return snapshot

    # -- beginning

    async def begin(self, principal: Principal, kind: ConversationKind, usernames: Sequence[str], title: str | None) -> tuple[str, bool]:
        """The conversation's id, and whether it is new; a direct one is there once for each pair."""
        others = await self._people(principal, usernames)
        if kind == "direct":
            if len(others) != 1:
                raise Invalid([FieldError("members", "a direct conversation has exactly one other member")])
            return await self.direct(principal, others[0])
        if len(others) + 1 > self._settings.group_limit:
            raise Invalid([FieldError("members", f"at most {self._settings.group_limit}")])
        if kind == "group":
            for other in others:
                await self._check_add(principal.account_id, other)
        elif not others:
            raise Invalid([FieldError("members", "a broadcast list has recipients")])
        role = "member" if kind == "group" else "recipient"
        async with self._db.write() as conn:
            conversation_id = await self._insert(conn, kind, principal.account_id, title, None)
            await self._add(conn, conversation_id, 0, [(principal.account_id, "admin"), *((other, role) for other in others)])
        await self._tell_new(conversation_id, [principal.account_id, *(others if kind == "group" else ())])
        return conversation_id, True

    async def direct(self, principal: Principal, other: str) -> tuple[str, bool]:
        """The direct conversation with somebody, begun on demand. Raises Forbidden where they do not take messages."""
        me = principal.account_id
        if other == me:
            raise Invalid([FieldError("members", "that is yourself")])
        pair = self._keys.blind("pair", ":".join(sorted((me, other))))
        columns = tables.conversation.c
        async with self._db.read() as conn:
            known = (await conn.execute(select(columns.id).where(columns.pair == pair))).scalar_one_or_none()
        if known is not None:
            return known, False
        relation, verdict = await self.verdict(me, other, exists=False, opened=False)
        if not principal.verified and not relation.friends:
            raise errors.Forbidden("Confirm your phone and your mail address first.", type="unverified")
        try:
            async with self._db.write() as conn:
                conversation_id = await self._insert(conn, "direct", me, None, pair)
                # Who begins lets the other answer; a stranger's message waits for the other's yes.
                await self._add(conn, conversation_id, 0, [(me, "member")], opened=not relation.friends)
                await self._add(conn, conversation_id, 0, [(other, "member")], request=verdict == "request")
        except IntegrityError:
            async with self._db.read() as conn:
                return (await conn.execute(select(columns.id).where(columns.pair == pair))).scalar_one(), False
        await self._tell_new(conversation_id, [me] if verdict == "withhold" else [me, other])
        return conversation_id, True

    async def verdict(self, me: str, other: str, *, exists: bool, opened: bool) -> tuple[Any, Verdict]:
        relation = await self._relations.between(me, other)
        audience: Audience = await self._directory.setting(other, "who_can_message")
        return relation, check_direct(relation, audience, exists=exists, opened=opened)

    async def _people(self, principal: Principal, usernames: Sequence[str]) -> list[str]:
        """Account ids, oneself left out. Raises Invalid naming each username that nobody has."""
        found: list[str] = []
        missing: list[FieldError] = []
        for index, username in enumerate(usernames):
            account_id = await self._directory.by_username(username)
            if account_id is None:
                missing.append(FieldError(f"members.{index}", "nobody has this username"))
            elif account_id != principal.account_id and account_id not in found:
                found.append(account_id)
        if missing:
            raise Invalid(missing)
        return found

    async def _check_add(self, me: str, other: str) -> None:
        audience: Audience = await self._directory.setting(other, "who_can_add_to_groups")
        check_group_add(await self._relations.between(me, other), audience)

    async def _insert(self, conn: AsyncConnection, kind: str, by: str, title: str | None, pair: bytes | None) -> str:
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
                created_ms=self._clock.at_ms(),
            )
        )
        return conversation_id

    async def _add(
        self,
        conn: AsyncConnection,
        conversation_id: str,
        seq: int,
        people: Sequence[tuple[str, str]],
        *,
        opened: bool = False,
        request: bool = False,
    ) -> None:
        at_ms = self._clock.at_ms()
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

    # -- changing

    async def rename(self, principal: Principal, conversation_id: str, title: str) -> None:
        await self._as_admin(principal, conversation_id)
        async with self._db.write() as conn:
            await self._raise(conn, conversation_id, title=title)
        await self._tell_changed(conversation_id)

    async def answer_request(self, principal: Principal, conversation_id: str, accept: bool) -> None:
        """Say yes to a stranger's messages, or leave the conversation."""
        await self.get(principal.account_id, conversation_id)
        if not accept:
            await self.leave(principal, conversation_id)
            return
        columns = tables.member.c
        async with self._db.write() as conn:
            await conn.execute(
                update(tables.member)
                .where(columns.conversation_id == conversation_id, columns.account_id == principal.account_id)
                .values(request=False, open=True)
            )
            await self._raise(conn, conversation_id)
        await self._tell_changed(conversation_id)

    async def put_member(self, principal: Principal, conversation_id: str, username: str, role: str | None) -> None:
        """Add somebody, or give them another role. Raises Forbidden for who is no admin, Conflict for a direct conversation."""
        snapshot = await self._as_admin(principal, conversation_id)
        other = await self._directory.by_username(username)
        if other is None:
            raise errors.NotFound("Nobody has this username.")
        columns = tables.member.c
        if other in snapshot.members:
            if role is None or snapshot.kind != "group":
                return
            async with self._db.write() as conn:
                await conn.execute(
                    update(tables.member).where(columns.conversation_id == conversation_id, columns.account_id == other).values(role=role)
                )
                await self._hand_over(conn, conversation_id)
                await self._raise(conn, conversation_id)
            await self._tell_changed(conversation_id)
            return
        if snapshot.kind == "group":
            await self._check_add(principal.account_id, other)
        if len(snapshot.members) >= self._settings.group_limit:
            raise errors.Conflict(f"A group has at most {self._settings.group_limit} members.", type="full")
        async with self._db.write() as conn:
            seq = await self._raise(conn, conversation_id)
            present = select(columns.account_id).where(columns.conversation_id == conversation_id, columns.account_id == other)
            if (await conn.execute(present)).first() is None:
                given = (role or "member") if snapshot.kind == "group" else "recipient"
                await self._add(conn, conversation_id, seq, [(other, given)])
        await self._hub.changed(conversation_id)
        if snapshot.kind == "group":
            await self._outlet.everywhere([other], "conversation:new", {"conversation": conversation_id, "kind": snapshot.kind})
        await self._tell_changed(conversation_id, but=other)

    async def remove_member(self, principal: Principal, conversation_id: str, username: str) -> None:
        other = await self._directory.by_username(username)
        if other == principal.account_id:
            await self.leave(principal, conversation_id)
            return
        snapshot = await self._as_admin(principal, conversation_id)
        if other is None or other not in snapshot.members:
            raise errors.NotFound("There is no such member.")
        await self.remove_account(conversation_id, other)

    async def leave(self, principal: Principal, conversation_id: str) -> None:
        """Leave a group, end a broadcast list, or put a direct conversation away until its next message."""
        snapshot = await self.get(principal.account_id, conversation_id)
        if snapshot.kind == "direct":
            await self._put_away(principal.account_id, conversation_id)
        else:
            # The owner of a broadcast list is its one member who reads; its recipients know nothing of it.
            await self.remove_account(conversation_id, principal.account_id)

    async def remove_account(self, conversation_id: str, account_id: str) -> None:
        """Without the last one the conversation ends; without its last admin the one who is there longest takes over."""
        member, cursor, shut = tables.member.c, tables.device_cursor.c, tables.withheld.c
        async with self._db.write() as conn:
            await self._raise(conn, conversation_id)
            gone = delete(tables.member).where(member.conversation_id == conversation_id, member.account_id == account_id)
            role = (await conn.execute(gone.returning(member.role))).scalar_one_or_none()
            await conn.execute(
                delete(tables.device_cursor).where(cursor.conversation_id == conversation_id, cursor.account_id == account_id)
            )
            await conn.execute(delete(tables.withheld).where(shut.conversation_id == conversation_id, shut.account_id == account_id))
            await self._hand_over(conn, conversation_id)
            emptied = await bodies.delete_delivered(conn, [conversation_id])
            left = await conn.execute(
                select(member.account_id).where(member.conversation_id == conversation_id, member.role != "recipient").limit(1)
            )
            if left.first() is None:
                await conn.execute(delete(tables.member).where(member.conversation_id == conversation_id))
                await conn.execute(delete(tables.conversation).where(tables.conversation.c.id == conversation_id))
        self._writer.retire(emptied)
        await self._hub.changed(conversation_id)
        if role != "recipient":
            # Who is on a broadcast list does not know of it.
            await self._outlet.everywhere([account_id], "conversation:left", {"conversation": conversation_id})
        await self._tell_changed(conversation_id)

    async def _put_away(self, account_id: str, conversation_id: str) -> None:
        member, cursor = tables.member.c, tables.device_cursor.c
        async with self._db.write() as conn:
            seq = await self._raise(conn, conversation_id)
            await conn.execute(
                update(tables.member)
                .where(member.conversation_id == conversation_id, member.account_id == account_id)
                .values(since_seq=seq, open=False)
            )
            await conn.execute(
                update(tables.device_cursor)
                .where(cursor.conversation_id == conversation_id, cursor.account_id == account_id)
                .values(seq=seq)
            )
            emptied = await bodies.delete_delivered(conn, [conversation_id])
        self._writer.retire(emptied)
        await self._hub.changed(conversation_id)
        await self._outlet.everywhere([account_id], "conversation:left", {"conversation": conversation_id})

    async def _hand_over(self, conn: AsyncConnection, conversation_id: str) -> None:
        columns, talk = tables.member.c, tables.conversation.c
        kind = (await conn.execute(select(talk.kind).where(talk.id == conversation_id))).scalar_one_or_none()
        if kind != "group":
            return
        rows = (
            await conn.execute(
                select(columns.account_id, columns.role)
                .where(columns.conversation_id == conversation_id, columns.role != "recipient")
                .order_by(columns.joined_ms, columns.account_id)
            )
        ).all()
        if rows and not any(row.role == "admin" for row in rows):
            await conn.execute(
                update(tables.member)
                .where(columns.conversation_id == conversation_id, columns.account_id == rows[0].account_id)
                .values(role="admin")
            )

    async def _as_admin(self, principal: Principal, conversation_id: str) -> Snapshot:
        snapshot = await self.get(principal.account_id, conversation_id)
        if snapshot.kind == "direct":
            raise errors.Conflict("A direct conversation has its two members and no title.", type="direct")
        if snapshot.members[principal.account_id].role != "admin":
            raise errors.Forbidden("Only an admin of the group may do that.", type="not_admin")
        return snapshot

    async def _raise(self, conn: AsyncConnection, conversation_id: str, **changes: Any) -> int:
        """Raise the version, so that no draft checked against the old members is numbered; answers the head."""
        columns = tables.conversation.c
        statement = update(tables.conversation).where(columns.id == conversation_id).values(version=columns.version + 1, **changes)
        seq = (await conn.execute(statement.returning(columns.seq))).scalar_one_or_none()
        if seq is None:
            raise errors.NotFound("There is no such conversation.")
        return int(seq)

    async def _tell_new(self, conversation_id: str, accounts: Iterable[str]) -> None:
        snapshot = await self._snapshots.get(conversation_id)
        if snapshot is None:
            return
        for account in accounts:
            facts = snapshot.members.get(account)
            data = {"conversation": conversation_id, "kind": snapshot.kind, "request": bool(facts and facts.request)}
            await self._outlet.everywhere([account], "conversation:new", data)

    async def _tell_changed(self, conversation_id: str, but: str | None = None) -> None:
        await self._hub.changed(conversation_id)
        snapshot = await self._snapshots.get(conversation_id)
        if snapshot is None:
            return
        data = {"conversation": conversation_id, "version": snapshot.version, "title": snapshot.title}
        await self._outlet.everywhere([account for account in snapshot.readers if account != but], "conversation:changed", data)
