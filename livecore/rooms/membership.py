"""Conversations and who is in them: begun, joined, left, handed over. Each change raises the conversation's version."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from livecore import errors
from livecore.config import Settings
from livecore.errors import FieldError, Invalid
from livecore.ports import Audience, Clock, Database, Directory, Keys, Principal, Relations
from livecore.rooms import bodies, roles, rows, tables
from livecore.rooms.admission import Verdict, check_direct, check_group_add
from livecore.rooms.fanout import Hub, Outlet
from livecore.rooms.items import ConversationKind
from livecore.rooms.roles import Role
from livecore.rooms.snapshots import Snapshot, Snapshots, load
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
        at_ms = self._clock.at_ms()
        people = [(principal.account_id, "owner"), *((other, role) for other in others)]
        async with self._db.write() as conn:
            conversation_id = await rows.insert_conversation(conn, kind, principal.account_id, title, None, at_ms)
            await rows.add_members(conn, conversation_id, 0, people, at_ms)
        await self.tell_new(conversation_id, [principal.account_id, *(others if kind == "group" else ())])
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
        at_ms = self._clock.at_ms()
        try:
            async with self._db.write() as conn:
                conversation_id = await rows.insert_conversation(conn, "direct", me, None, pair, at_ms)
                # Who begins lets the other answer; a stranger's message waits for the other's yes.
                await rows.add_members(conn, conversation_id, 0, [(me, "member")], at_ms, opened=not relation.friends)
                await rows.add_members(conn, conversation_id, 0, [(other, "member")], at_ms, request=verdict == "request")
        except IntegrityError:
            async with self._db.read() as conn:
                return (await conn.execute(select(columns.id).where(columns.pair == pair))).scalar_one(), False
        await self.tell_new(conversation_id, [me] if verdict == "withhold" else [me, other])
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

    # -- changing

    async def rename(self, principal: Principal, conversation_id: str, title: str) -> None:
        await self.as_manager(principal, conversation_id)
        async with self._db.write() as conn:
            await rows.raise_version(conn, conversation_id, title=title)
        await self.tell_changed(conversation_id)

    async def set_timer(self, principal: Principal, conversation_id: str, timer_s: int | None) -> None:
        """From now on what is said disappears after `timer_s` (None: not). In a direct conversation either side may say so."""
        snapshot = await self.get(principal.account_id, conversation_id)
        if snapshot.kind != "direct":
            await self.as_manager(principal, conversation_id)
        elif snapshot.members[principal.account_id].request:
            raise errors.Forbidden("Answer the request first.", type="request")
        async with self._db.write() as conn:
            await rows.raise_version(conn, conversation_id, timer_s=timer_s)
        await self.tell_changed(conversation_id)

    async def answer_request(self, principal: Principal, conversation_id: str, accept: bool) -> None:
        """Say yes to a stranger's messages, or leave the conversation."""
        await self.get(principal.account_id, conversation_id)
        if not accept:
            await self.leave(principal, conversation_id)
            return
        async with self._db.write() as conn:
            await rows.set_member(conn, conversation_id, principal.account_id, request=False, open=True)
            await rows.raise_version(conn, conversation_id)
        await self.tell_changed(conversation_id)

    async def put_member(
        self, principal: Principal, conversation_id: str, username: str, role: Role | None = None, silenced: bool | None = None
    ) -> None:
        """Add somebody, give a member another role, or let them only read.

        Raises Forbidden (`not_admin`, `not_owner`), Conflict for a direct conversation, for a full one, and for an owner who steps down.
        """
        snapshot = await self.as_manager(principal, conversation_id)
        other = await self._directory.by_username(username)
        if other is None:
            raise errors.NotFound("Nobody has this username.")
        if other in snapshot.members:
            if snapshot.kind == "group":
                await self._change_member(principal, snapshot, other, role, silenced)
            return
        if snapshot.kind == "group":
            if role == "owner":
                raise errors.NotFound("There is no such member.")
            if role == "admin" and snapshot.roles[principal.account_id] != "owner":
                raise errors.Forbidden("Only the owner of the group may do that.", type="not_owner")
            await self._check_add(principal.account_id, other)
        given = (role or "member") if snapshot.kind == "group" else "recipient"
        async with self._db.write() as conn:
            await rows.join(conn, conversation_id, other, given, self._clock.at_ms(), self._settings.group_limit)
            await rows.forget_removed(conn, conversation_id, other)
        await self.tell_joined(snapshot, other)

    async def _change_member(self, principal: Principal, snapshot: Snapshot, other: str, role: Role | None, silenced: bool | None) -> None:
        changes = roles.change_role(snapshot.roles, principal.account_id, other, role) if role is not None else {}
        if silenced is not None:
            roles.check_over(snapshot.roles, principal.account_id, other)
        async with self._db.write() as conn:
            # Raised first: it holds the conversation, and nobody else changes roles meanwhile.
            await rows.raise_version(conn, snapshot.id)
            present = await load(conn, snapshot.id)
            if present is None or present.roles != snapshot.roles:
                self._snapshots.drop(snapshot.id)
                raise errors.Conflict("The members have just changed; look again.", type="members_changed")
            for account, given in changes.items():
                await rows.set_member(conn, snapshot.id, account, role=given)
            if silenced is not None:
                await rows.set_member(conn, snapshot.id, other, silenced_ms=self._clock.at_ms() if silenced else None)
        await self.tell_changed(snapshot.id)

    async def remove_member(self, principal: Principal, conversation_id: str, username: str) -> None:
        other = await self._directory.by_username(username)
        if other == principal.account_id:
            await self.leave(principal, conversation_id)
            return
        snapshot = await self.as_manager(principal, conversation_id)
        if other is None:
            raise errors.NotFound("There is no such member.")
        roles.check_over(snapshot.roles, principal.account_id, other)
        await self.remove_account(conversation_id, other, removed=snapshot.kind == "group")

    async def leave(self, principal: Principal, conversation_id: str) -> None:
        """Leave a group, end a broadcast list, or put a direct conversation away until its next message."""
        snapshot = await self.get(principal.account_id, conversation_id)
        if snapshot.kind == "direct":
            await self._put_away(principal.account_id, conversation_id)
        else:
            # The owner of a broadcast list is its one member who reads; its recipients know nothing of it.
            await self.remove_account(conversation_id, principal.account_id)

    async def remove_account(self, conversation_id: str, account_id: str, *, removed: bool = False) -> None:
        """`removed`: by an admin; links that there are now do not let them in again.

        Without the last one the conversation ends; without its owner an admin, or else the one who is there longest, takes over."""
        member, cursor, shut, link = tables.member.c, tables.device_cursor.c, tables.withheld.c, tables.invite.c
        async with self._db.write() as conn:
            await rows.raise_version(conn, conversation_id)
            gone = delete(tables.member).where(member.conversation_id == conversation_id, member.account_id == account_id)
            role = (await conn.execute(gone.returning(member.role))).scalar_one_or_none()
            await conn.execute(
                delete(tables.device_cursor).where(cursor.conversation_id == conversation_id, cursor.account_id == account_id)
            )
            await conn.execute(delete(tables.withheld).where(shut.conversation_id == conversation_id, shut.account_id == account_id))
            await conn.execute(delete(tables.invite).where(link.conversation_id == conversation_id, link.created_by == account_id))
            if removed and role is not None:
                await rows.note_removed(conn, conversation_id, account_id, self._clock.at_ms())
            await rows.hand_over(conn, conversation_id)
            emptied = await bodies.delete_delivered(conn, [conversation_id])
            await rows.end_if_empty(conn, conversation_id)
        self._writer.retire(emptied)
        await self._hub.changed(conversation_id, went=account_id)
        if role != "recipient":
            # Who is on a broadcast list does not know of it.
            await self._outlet.everywhere([account_id], "conversation:left", {"conversation": conversation_id})
        await self.tell_changed(conversation_id)

    async def _put_away(self, account_id: str, conversation_id: str) -> None:
        member, cursor = tables.member.c, tables.device_cursor.c
        async with self._db.write() as conn:
            seq = await rows.raise_version(conn, conversation_id)
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

    async def as_manager(self, principal: Principal, conversation_id: str) -> Snapshot:
        snapshot = await self.get(principal.account_id, conversation_id)
        if snapshot.kind == "direct":
            raise errors.Conflict("A direct conversation has its two members and no title.", type="direct")
        roles.check_manager(snapshot.roles, principal.account_id)
        return snapshot

    async def tell_new(self, conversation_id: str, accounts: Iterable[str]) -> None:
        snapshot = await self._snapshots.get(conversation_id)
        if snapshot is None:
            return
        # All of them: what is withheld from somebody now need not be for ever.
        await self._hub.changed(conversation_id, came=snapshot.readers)
        for account in accounts:
            facts = snapshot.members.get(account)
            data = {"conversation": conversation_id, "kind": snapshot.kind, "request": bool(facts and facts.request)}
            await self._outlet.everywhere([account], "conversation:new", data)

    async def tell_joined(self, snapshot: Snapshot, account_id: str) -> None:
        """To the new member and to those who were there; who is on a broadcast list does not know of it."""
        await self._hub.changed(snapshot.id, came=[account_id] if snapshot.kind == "group" else ())
        if snapshot.kind == "group":
            await self._outlet.everywhere(
                [account_id], "conversation:new", {"conversation": snapshot.id, "kind": "group", "request": False}
            )
        await self.tell_changed(snapshot.id, but=account_id)

    async def tell_changed(self, conversation_id: str, but: str | None = None) -> None:
        await self._hub.changed(conversation_id)
        snapshot = await self._snapshots.get(conversation_id)
        if snapshot is None:
            return
        data = {"conversation": conversation_id, "version": snapshot.version, "title": snapshot.title, "timer": snapshot.timer_s}
        self._hub.tell(conversation_id, [account for account in snapshot.readers if account != but], "conversation:changed", data)
