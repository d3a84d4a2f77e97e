"""Contact cards in messages: whose number a person may hand on. Keeps `ports.ContactGate`.

A number goes on only if it stands in the sender's own address book, or if its owner shows it to the sender. Any other is refused
alike, whether somebody here has it or not: the answer tells nobody who has an account.
"""

from sqlalchemy import select

from livecore import errors
from livecore.people import tables
from livecore.ports import Database, PhoneIndex, Principal, ShownPhones


class ContactCards:
    def __init__(self, db: Database, phones: PhoneIndex, shown: ShownPhones) -> None:
        self._db = db
        self._phones = phones
        self._shown = shown

    async def check_contact(self, me: Principal, username: str | None, phone: str | None) -> None:
        shown = None
        if username is not None:
            # NotFound also for who is blocked, as on their page.
            shown = await self._shown.shown_phone(me.account_id, username)
        if phone is None:
            return
        [index, theirs] = await self._phones.read(me.account_id, [phone, shown or ""])
        if index is None:
            raise errors.Invalid([errors.FieldError("attachments", "is no phone number")])
        if index == theirs or await self._in_book(me.account_id, index):
            return
        raise errors.Forbidden("This number is neither in your address book nor shown to you.", type="phone_hidden")

    async def _in_book(self, owner_id: str, index: bytes) -> bool:
        contact = tables.contact.c
        query = select(contact.phone_hash).where(contact.owner_id == owner_id, contact.phone_hash == index)
        async with self._db.read() as conn:
            return (await conn.execute(query)).first() is not None
