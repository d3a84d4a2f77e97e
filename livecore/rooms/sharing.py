"""Handing on what can be seen here: a card to a friend, a group or a broadcast list, once for each key."""

import hashlib
from dataclasses import replace
from typing import Literal

from livecore import errors
from livecore.errors import FieldError, Invalid
from livecore.ids import is_id, new_id
from livecore.ports import Directory, Principal
from livecore.rooms.contents import CARDS, Contents
from livecore.rooms.membership import Conversations
from livecore.rooms.service import Messages

Channel = Literal["friend", "group", "broadcast", "link"]


class Sharing:
    def __init__(self, directory: Directory, conversations: Conversations, messages: Messages, contents: Contents) -> None:
        self._directory = directory
        self._conversations = conversations
        self._messages = messages
        self._contents = contents

    async def deliver(
        self, me: Principal, kind: str, content_id: str, channel: Channel, to: str | None, text: str | None, key: str | None
    ) -> str | None:
        """The conversation that the card went to; None for a link, which the person hands on themselves. The same key sends nothing twice.

        `kind`: "video", "live" or "post". `to`: a username for a friend, else a conversation's id. Raises what hinders a message.
        """
        await self._contents.gates[kind].check_share(me, content_id)
        if channel == "link":
            return None
        conversation_id = await self._target(me, channel, to)
        card = next(name for name, what in CARDS.items() if what == kind)
        client_id = "share." + hashlib.sha256(f"{kind}:{content_id}:{key or new_id()}".encode()).hexdigest()[:48]
        content = {"body": text, "attachments": [{"kind": card, "id": content_id}]}
        # From no device: the one that asked over HTTP keeps no copy of its own, so it is given the card like the person's others.
        await self._messages.send(replace(me, device_id=""), conversation_id, client_id, content)
        return conversation_id

    async def _target(self, me: Principal, channel: Channel, to: str | None) -> str:
        if not to:
            raise Invalid([FieldError("to", "is missing")])
        if channel == "friend":
            other = await self._directory.by_username(to)
            if other is None:
                raise errors.NotFound("Nobody has this username.")
            conversation_id, _ = await self._conversations.direct(me, other)
            return conversation_id
        if not is_id(to) or (await self._conversations.get(me.account_id, to)).kind != channel:
            raise errors.NotFound("There is no such conversation.")
        return to
