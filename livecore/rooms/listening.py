"""Which conversations this process listens to: those that somebody who is connected to it reads.

A channel is entered before the store is read, so nothing rings unheard in between; it is left some time after its last reader went.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from livecore.among import among, members
from livecore.gathered import Gathered
from livecore.ports import Channels, Database
from livecore.rooms import tables

# Accounts in one question when all are asked for again after a gap.
AGAIN_CHUNK = 500


@dataclass(slots=True)
class _Here:
    """An account with sockets here. `conversations`: those that are held for it."""

    sockets: int = 0
    conversations: set[str] = field(default_factory=set)


class Listening:
    """`on_entered(conversation, seq)`: the channel is held from now on; numbers up to `seq` are for who asks with `sync`.
    None: the caller says later from where on."""

    def __init__(self, db: Database, channels: Channels, on_entered: Callable[[str, int | None], None]) -> None:
        self._db = db
        self._channels = channels
        self._on_entered = on_entered
        self._here: dict[str, _Here] = {}
        self._readers: dict[str, int] = {}  # conversation → accounts here that read it
        member, conversation = tables.member.c, tables.conversation.c
        self._read_of = (
            select(member.account_id, conversation.id, conversation.seq)
            .join(tables.conversation, conversation.id == member.conversation_id)
            .where(among(db.dialect, member.account_id, "accounts"), member.role != "recipient")
        )
        self._read: Gathered[str, dict[str, int]] = Gathered(self._ask)

    def __contains__(self, conversation_id: str) -> bool:
        return conversation_id in self._readers

    async def _ask(self, accounts: list[str]) -> Mapping[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {account: {} for account in accounts}
        async with self._db.read() as conn:
            for row in await conn.execute(self._read_of, {"accounts": members(self._db.dialect, accounts)}):
                found[row.account_id][row.id] = row.seq
        return found

    async def came(self, account_id: str) -> None:
        """A socket is about to be let in. Raises Unavailable."""
        here = self._here.setdefault(account_id, _Here())
        here.sockets += 1
        try:
            # For every socket: it may come while the first one's question is under way, or after a bell that was lost.
            await self._enter(here, await self._read.get(account_id) or {})
        except BaseException:
            self.left(account_id)
            raise

    def left(self, account_id: str) -> None:
        here = self._here.get(account_id)
        if here is None:
            return
        here.sockets -= 1
        if not here.sockets:
            del self._here[account_id]
            self._leave(here, here.conversations.copy())

    async def joined(self, conversation_id: str, accounts: Iterable[str]) -> list[str]:
        """They read it from now on. Answers those who are here, if nobody here read it before: what was said meanwhile is theirs."""
        is_new = conversation_id not in self._readers
        present = [account_id for account_id in accounts if account_id in self._here]
        for account_id in present:
            await self._enter(self._here.get(account_id), {conversation_id: None})
        return present if is_new else []

    def parted(self, conversation_id: str, account_id: str) -> None:
        here = self._here.get(account_id)
        if here is not None and conversation_id in here.conversations:
            self._leave(here, {conversation_id})

    async def again(self) -> dict[str, list[str]]:
        """After a gap: somebody may have joined a conversation unheard. Answers what is listened to only now, with who is here of it."""
        accounts, found = list(self._here), dict[str, list[str]]()
        for start in range(0, len(accounts), AGAIN_CHUNK):
            for account_id, conversations in (await self._ask(accounts[start : start + AGAIN_CHUNK])).items():
                for one in await self._enter(self._here.get(account_id), dict.fromkeys(conversations)):
                    found.setdefault(one, []).append(account_id)
        return found

    async def _enter(self, here: _Here | None, conversations: Mapping[str, int | None]) -> list[str]:
        """Answers those that nobody here read before."""
        if here is None:
            return []  # went meanwhile
        fresh = [one for one in conversations if one not in here.conversations]
        here.conversations.update(fresh)
        first = [one for one in fresh if one not in self._readers]
        for one in fresh:
            self._readers[one] = self._readers.get(one, 0) + 1
        for one in first:
            self._on_entered(one, conversations[one])
        await self._channels.hold(first)
        return first

    def _leave(self, here: _Here, conversations: set[str]) -> None:
        here.conversations -= conversations
        over = []
        for one in conversations:
            self._readers[one] -= 1
            if not self._readers[one]:
                del self._readers[one]
                over.append(one)
        self._channels.release(over)
