"""What a message carries beside its text: uploads become the sender's for this message, cards lose everything but what they name.

A card says which video, live, post or person is meant and nothing of who handed it on before: the reader's client asks for the
thing itself, and sees it only if it is shown to them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from livecore.errors import FieldError, Invalid
from livecore.ports import ContactGate, Principal, ShareGate
from livecore.rooms.attachments import KINDS, Attachments, Row, described
from livecore.rooms.snapshots import Snapshot

CARDS = {"video_card": "video", "live_card": "live", "post_card": "post"}

Given = Sequence[Mapping[str, Any]]


class Contents:
    """`gates` and `contacts` are filled in by the composition, once their services are there."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments
        self.gates: dict[str, ShareGate] = {}
        self.contacts: ContactGate | None = None

    async def take(self, me: Principal, snapshot: Snapshot, client_key: str, given: Given) -> tuple[list[dict[str, Any]], list[Row]]:
        """What goes into the message, and the rows of its uploads. Raises what stands in the way of it: Invalid, Forbidden, NotFound, Gone."""
        cards = [await self._card(me, index, one) for index, one in enumerate(given)]
        ids = [one["id"] for one in cards if one["kind"] in KINDS]
        rows = await self._attachments.claim(me, snapshot.id, client_key, ids, snapshot.timer_s)
        return _shown(cards, rows), rows

    async def give_back(self, account_id: str, client_key: str) -> None:
        """The message was refused after all."""
        await self._attachments.release(account_id, client_key)

    async def for_recipient(
        self, shown: Given, rows: Sequence[Row], conversation_id: str, client_key: str, timer_s: int | None
    ) -> list[dict[str, Any]]:
        """The same for one recipient of a broadcast, with attachments of the recipient's conversation."""
        if not rows:
            return [dict(one) for one in shown]
        copies = iter(await self._attachments.spread(rows, conversation_id, client_key, timer_s))
        return [dict(one) | ({"id": next(copies)["id"]} if one["kind"] in KINDS else {}) for one in shown]

    async def _card(self, me: Principal, index: int, given: Mapping[str, Any]) -> dict[str, Any]:
        kind, named = str(given["kind"]), str(given.get("id") or "")
        if kind == "contact":
            username, phone, name = named or None, given.get("phone"), given.get("name")
            if username is None and (phone is None or name is None):
                raise Invalid([FieldError(f"attachments.{index}", "a contact has a username, or a name and a phone number")])
            if self.contacts is None:
                raise _missing(index)
            await self.contacts.check_contact(me, username, phone)
            return {"kind": kind, "id": named} | {key: value for key, value in (("name", name), ("phone", phone)) if value}
        if not named:
            raise _missing(index)
        if kind in CARDS:
            gate = self.gates.get(CARDS[kind])
            if gate is None:
                raise _missing(index)
            await gate.check_share(me, named)
            return {"kind": kind, "id": named}
        return {key: given[key] for key in ("kind", "id", "name", "meta") if given.get(key)}


def _missing(index: int) -> Invalid:
    return Invalid([FieldError(f"attachments.{index}.id", "names nothing that can be sent")])


def _shown(cards: Sequence[dict[str, Any]], rows: Sequence[Row]) -> list[dict[str, Any]]:
    facts = iter(rows)
    shown = []
    for card in cards:
        if card["kind"] in KINDS:
            row = next(facts)
            card = card | {"kind": row["kind"], "meta": {**card.get("meta", {}), **described(row)}}
        shown.append(card)
    return shown
