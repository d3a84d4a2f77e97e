"""Messages: who may say what where, and what becomes of it. The rules are checked here, the order is given by the writer."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import select

from livecore import errors
from livecore.config import Settings
from livecore.errors import FieldError, Invalid
from livecore.ids import new_id
from livecore.ports import Clock, Database, Directory, Limiter, Preserver, Principal, Relations
from livecore.rooms import tables
from livecore.rooms.attachments import Attachments, Row
from livecore.rooms.catchup import Place
from livecore.rooms.contents import Contents
from livecore.rooms.events import pack
from livecore.rooms.fanout import Hub
from livecore.rooms.items import Draft, Kind, Mark, Sent
from livecore.rooms.mailboxes import Mailboxes
from livecore.rooms.membership import Conversations
from livecore.rooms.snapshots import Snapshot, Snapshots
from livecore.rooms.writer import MembersChanged, Writer

# Members that come and go while one message is sent: more turns than this and the sender is asked to try again.
TURNS_LIMIT = 5
# How long a message may be changed or taken back for all: a day, as long as people remember what they sent.
EDIT_WINDOW_MS = 24 * 3600 * 1000
# Above this a group's typing marks would be noise, and members × members events.
TYPING_MEMBERS_LIMIT = 50


class Lined(Protocol):
    """Told that a message is in line, once or more often; an `asyncio.Event` is one."""

    def set(self) -> None: ...


class Messages:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: Settings,
        relations: Relations,
        directory: Directory,
        limiter: Limiter,
        snapshots: Snapshots,
        conversations: Conversations,
        mailboxes: Mailboxes,
        attachments: Attachments,
        contents: Contents,
        writer: Writer,
        hub: Hub,
        preserver: Preserver,
    ) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._relations = relations
        self._directory = directory
        self._limiter = limiter
        self._snapshots = snapshots
        self._conversations = conversations
        self._mailboxes = mailboxes
        self._attachments = attachments
        self._contents = contents
        self._writer = writer
        self._hub = hub
        self._preserver = preserver

    async def send(
        self,
        principal: Principal,
        conversation_id: str,
        client_id: str,
        content: Mapping[str, Any],
        *,
        lined: Lined | None = None,
        address: str = "",
    ) -> Sent:
        """Numbered and durable when it answers. The same `client_id` again gives the same answer and sends nothing.

        `lined` is set once the message has its place in the writer's line: what is sent after that comes after it. `address` is
        where the sender's connection comes from, which is counted too.
        """
        self._check_length(content.get("body"))
        try:
            await self._limiter.hit("message_per_account", principal.account_id)
            if address:
                await self._limiter.hit("message_per_address", address)
            snapshot = await self._conversations.get(principal.account_id, conversation_id)
            if snapshot.members[principal.account_id].request:
                # Who answers a stranger has said yes.
                await self._conversations.answer_request(principal, conversation_id, True)
            return await self._say(principal, snapshot, client_id, content, lined)
        except (errors.Forbidden, errors.NotFound, errors.TooMany, Invalid):
            # What was accepted once stays accepted, whatever changed since.
            before = await self._sent_before(principal.account_id, _client_key(client_id))
            if before is None:
                raise
            return before

    async def _say(self, principal: Principal, snapshot: Snapshot, client_id: str, content: Mapping[str, Any], lined: Lined | None) -> Sent:
        key = _client_key(client_id)
        attachments, uploads = await self._contents.take(principal, snapshot, key, content.get("attachments", []))
        content = {**content, "attachments": attachments}
        try:
            if snapshot.kind == "broadcast":
                await self._broadcast(principal, snapshot, client_id, content, uploads)
            packed = pack({**content, "client_id": client_id, "timer": snapshot.timer_s})
            return await self._put(principal, snapshot.id, "message", packed, client_key=key, lined=lined)
        except (errors.Forbidden, errors.NotFound, errors.Gone, errors.TooMany):
            if uploads and await self._sent_before(principal.account_id, key) is None:
                await self._contents.give_back(principal.account_id, key)
            raise

    async def react(self, principal: Principal, conversation_id: str, message_id: str, emoji: str | None, active: bool) -> Sent:
        await self._limiter.hit("message_per_account", principal.account_id)
        await self._conversations.get(principal.account_id, conversation_id)
        await self._target(conversation_id, message_id)
        packed = pack({"emoji": emoji}) if active else pack({"emoji": emoji, "active": False})
        return await self._put(principal, conversation_id, "reaction", packed, target_id=message_id)

    async def edit(self, principal: Principal, conversation_id: str, message_id: str, body: str) -> Sent:
        await self._limiter.hit("message_per_account", principal.account_id)
        self._check_length(body)
        packed = pack({"body": body})
        await self._own_target(principal, conversation_id, message_id)
        return await self._put(principal, conversation_id, "edited", packed, target_id=message_id)

    async def delete(self, principal: Principal, conversation_id: str, message_id: str) -> Sent:
        """Take a message back for all; its body, where it is still held, goes in the same transaction, its attachments right after."""
        await self._limiter.hit("message_per_account", principal.account_id)
        row = await self._own_target(principal, conversation_id, message_id)
        sent = await self._put(principal, conversation_id, "deleted", b"{}", target_id=message_id, target_seq=row.seq)
        await self._attachments.withdraw(principal.account_id, message_id)
        return sent

    async def received(self, principal: Principal, conversation_id: str, seq: int) -> None:
        """This device has kept everything up to `seq`; cumulative. Bodies that nobody waits for any more are deleted."""
        await self._mark(Mark("received", conversation_id, principal.account_id, principal.device_id, seq))

    async def read(self, principal: Principal, conversation_id: str, seq: int) -> None:
        await self._mark(Mark("read", conversation_id, principal.account_id, principal.device_id, seq))

    async def typing(self, principal: Principal, conversation_id: str, active: bool) -> None:
        snapshot = await self._conversations.get(principal.account_id, conversation_id)
        if snapshot.kind == "broadcast" or len(snapshot.members) > TYPING_MEMBERS_LIMIT:
            return
        barred = await self._relations.blocked_either_way(principal.account_id)
        others = [account for account in snapshot.readers if account != principal.account_id and account not in barred]
        if snapshot.kind == "direct" and others and snapshot.members[others[0]].request:
            return
        data = {"conversation": conversation_id, "user": principal.username, "active": active}
        self._hub.tell(conversation_id, others, "typing", data)

    async def sync(self, principal: Principal, places: Mapping[str, Place]) -> dict[str, dict[str, Any]]:
        return await self._mailboxes.sync(principal, places)

    def _check_length(self, body: str | None) -> None:
        if body is not None and len(body.encode(errors="surrogatepass")) > self._settings.message_limit_bytes:
            raise errors.TooLarge(f"At most {self._settings.message_limit_bytes} bytes.")

    async def _mark(self, mark: Mark) -> None:
        snapshot = await self._conversations.get(mark.account_id, mark.conversation_id)
        reached = await self._writer.mark(mark)
        if reached is None:
            raise errors.NotFound("There is no such conversation.")
        if snapshot.members[mark.account_id].request:
            return  # a stranger does not learn whether the request was looked at
        if mark.kind == "read" and not await self._directory.setting(mark.account_id, "read_receipts"):
            return
        self._hub.receipt(mark.conversation_id, mark.account_id, mark.kind, reached)

    async def _put(
        self,
        principal: Principal,
        conversation_id: str,
        kind: Kind,
        packed: bytes,
        *,
        client_key: str | None = None,
        target_id: str | None = None,
        target_seq: int | None = None,
        lined: Lined | None = None,
    ) -> Sent:
        self._hub.knows(principal.account_id, principal.username)
        for _ in range(TURNS_LIMIT):
            snapshot = await self._conversations.get(principal.account_id, conversation_id)
            withheld = await self._withheld_from(principal, snapshot)
            draft = Draft(
                conversation_id,
                snapshot.version,
                kind,
                new_id(),
                principal.account_id,
                principal.device_id,
                client_key,
                target_id,
                packed,
                target_seq,
                withheld,
            )
            if lined is not None:
                # Nothing is awaited between here and the draft's place in line.
                lined.set()
            try:
                sent = await self._writer.send(draft)
            except MembersChanged:
                self._snapshots.drop(conversation_id)
                continue
            if held := self._preserver.among(snapshot.members):
                # Before the answer: who is not answered sends again, and then it is kept.
                facts = {"message_id": sent.id, "conversation_id": sent.conversation_id, "kind": kind, "seq": sent.seq}
                await self._preserver.preserve(held, facts | {"sender_id": principal.account_id, "sent_ms": sent.sent_ms}, packed)
            if sent.conversation_id != conversation_id:
                raise errors.Conflict("This client_id was used in another conversation.", type="client_id_used")
            return sent
        raise errors.Unavailable("The members change too fast; try again.")

    async def _withheld_from(self, principal: Principal, snapshot: Snapshot) -> frozenset[str]:
        """Members who will not be given it. Raises Forbidden where the rules refuse it."""
        me = principal.account_id
        if snapshot.kind == "direct":
            other = snapshot.other(me)
            if other == me:
                raise errors.Gone("The other side's account is closed.", type="account_closed")
            await self._limiter.hit("message_per_pair", f"{me}:{other}")
            opened = snapshot.members[other].opened
            relation, verdict = await self._conversations.verdict(me, other, exists=True, opened=opened)
            if not principal.verified and not relation.friends:
                raise errors.Forbidden("Confirm your phone and your mail address first.", type="unverified")
            return frozenset((other,)) if verdict == "withhold" else frozenset()
        if snapshot.kind == "group":
            if snapshot.members[me].silenced:
                raise errors.Forbidden("An admin lets you only read here.", type="silenced")
            barred = await self._relations.blocked_either_way(me)
            near = [account for account in snapshot.members if account in barred]
            return frozenset([account for account in near if (await self._relations.between(me, account)).blocks_me])
        return frozenset()

    async def _broadcast(
        self, principal: Principal, snapshot: Snapshot, client_id: str, content: Mapping[str, Any], uploads: Sequence[Row]
    ) -> None:
        """A direct message to each recipient, each with a client id of its own, so that doing it again sends nothing twice."""
        for account, facts in snapshot.members.items():
            if facts.role != "recipient":
                continue
            try:
                conversation_id, _ = await self._conversations.direct(principal, account)
                share_id = _share_id(client_id, account)
                timer_s = (await self._conversations.get(principal.account_id, conversation_id)).timer_s
                key = _client_key(share_id)
                attachments = await self._contents.for_recipient(content["attachments"], uploads, conversation_id, key, timer_s)
                packed = pack({**content, "attachments": attachments, "client_id": share_id, "timer": timer_s})
                await self._put(principal, conversation_id, "message", packed, client_key=key)
            except (errors.Forbidden, errors.NotFound, errors.Gone):
                continue  # a recipient who does not take messages from the sender gets none, and the sender is not told who

    async def _sent_before(self, account_id: str, client_key: str) -> Sent | None:
        columns = tables.sent.c
        query = select(columns.conversation_id, columns.message_id, columns.seq, columns.sent_ms)
        async with self._db.read() as conn:
            row = (await conn.execute(query.where(columns.account_id == account_id, columns.client_key == client_key))).one_or_none()
        return Sent(*row) if row is not None else None

    async def _target(self, conversation_id: str, message_id: str) -> Any:
        """The record of a sent message; there is no text in it, and it outlives the body."""
        columns = tables.sent.c
        query = select(columns.account_id, columns.seq, columns.sent_ms)
        async with self._db.read() as conn:
            row = (
                await conn.execute(query.where(columns.message_id == message_id, columns.conversation_id == conversation_id))
            ).one_or_none()
        if row is None:
            raise errors.NotFound("There is no such message.")
        return row

    async def _own_target(self, principal: Principal, conversation_id: str, message_id: str) -> Any:
        await self._conversations.get(principal.account_id, conversation_id)
        row = await self._target(conversation_id, message_id)
        if row.account_id != principal.account_id:
            raise errors.Forbidden("Only who sent a message may change it.", type="not_sender")
        if row.sent_ms < self._clock.at_ms() - EDIT_WINDOW_MS:
            raise errors.Forbidden("A message can be changed for a day.", type="too_late")
        return row


def _client_key(client_id: str) -> str:
    return hashlib.sha256(client_id.encode()).hexdigest()


def _share_id(client_id: str, account_id: str) -> str:
    """A recipient's client id of a broadcast; says nothing of the list or of the other recipients."""
    return hashlib.sha256(f"{client_id}:{account_id}".encode()).hexdigest()


def check_content(body: str | None, attachments: list[Any]) -> None:
    """Raises Invalid for a message that says nothing."""
    if not (body and body.strip()) and not attachments:
        raise Invalid([FieldError("body", "a message has a body or attachments")])
