"""The address book."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from livecore.accounts.wording import NAME_LIMIT_CHARS, check_line
from livecore.cursors import decode_cursor, encode_cursor
from livecore.people.contacts import Found, Origin
from livecore.rest.api import Body, Call, Model, Page, Reply, Routes
from livecore.rest.people import PageParams, Person, people_models

routes = Routes("contacts")

# What one address book has; more comes in several steps.
NUMBERS_LIMIT = 20_000
# People told in the answer to a sync; a list with pages has them all.
ITEMS_LIMIT = 500
Numbers = Annotated[list[Annotated[str, Field(min_length=1, max_length=40)]], Field(max_length=NUMBERS_LIMIT)]


class ContactSync(Body):
    """`authorized` is your word that you may give these numbers. With `full`, `add` is the whole book and what is not in it goes."""

    authorized: Literal[True]
    add: Numbers = []
    remove: Numbers = []
    full: bool = False


class Contact(Model):
    """Somebody in your address book who has an account; `name` is what you call them, null until you say."""

    user: Person
    name: str | None


class ContactsSynced(Model):
    """`items` are those of the numbers added who have an account and let you find them, 500 at most (`GET /api/v1/contacts` lists all);
    `rejected` entries were no phone numbers."""

    items: list[Contact]
    added: int
    removed: int
    unchanged: int
    rejected: int


class ContactChange(Body):
    name: Annotated[str, Field(max_length=400), AfterValidator(lambda value: check_line(value, NAME_LIMIT_CHARS))] | None


async def _models(call: Call, found: list[Found]) -> list[Contact]:
    people = await people_models(call.app, call.me.account_id, [one.card for one in found])
    return [Contact(user=person, name=one.name) for person, one in zip(people, found, strict=True)]


@routes.post("/api/v1/contacts", body=ContactSync, ok=(200, ContactsSynced), rate="contact_sync_per_account")
async def sync(call: Call, body: ContactSync) -> Reply:
    """Give numbers of your address book, all or what changed. They are kept as keyed hashes only.

    Numbers without a country code are read as in your own country. The same again changes nothing. New numbers are limited to an
    address book's size (20,000) in ten days, and changes (a sync without `full`) to 20,000 numbers a day, each for an account, a device and
    an address (429).
    """
    me = call.me.account_id
    # The client's own id of the device: the same for every account on it, which the server's is not.
    device = await call.app.devices.client_id(call.me.device_id)
    origin = Origin(device or call.me.device_id, call.subscriber, call.address_class)
    done = await call.app.contacts.sync(me, body.add, body.remove, full=body.full, origin=origin)
    return Reply(
        ContactsSynced(
            items=await _models(call, await call.app.contacts.among(me, done.indexes, ITEMS_LIMIT)),
            added=done.added,
            removed=done.removed,
            unchanged=done.unchanged,
            rejected=done.rejected,
        )
    )


@routes.get("/api/v1/contacts", params=PageParams, ok=(200, Page[Contact]))
async def list_contacts(call: Call) -> Reply:
    """Those in your address book who have an account and let you find them."""
    keys, params = call.app.keys, call.params
    after = str(decode_cursor(keys, "contacts", params.cursor)[0]) if params.cursor is not None else None
    found, more = await call.app.contacts.page(call.me.account_id, after, params.limit)
    next_cursor = encode_cursor(keys, "contacts", [more]) if more is not None else None
    return Reply(Page[Contact](items=await _models(call, found), next_cursor=next_cursor))


@routes.delete("/api/v1/contacts", ok=(204, None))
async def delete_all(call: Call) -> Reply:
    """Delete your address book here; nothing of it is left."""
    await call.app.contacts.delete_all(call.me.account_id)
    return Reply(status=204)


@routes.patch("/api/v1/contacts/{username}", body=ContactChange, ok=(204, None))
async def rename(call: Call, body: ContactChange) -> Reply:
    """What you call somebody; only you see it."""
    await call.app.contacts.rename(call.me.account_id, call.path["username"], body.name)
    return Reply(status=204)


@routes.delete("/api/v1/contacts/{username}", ok=(204, None))
async def remove(call: Call) -> Reply:
    """Take somebody out of your address book here."""
    await call.app.contacts.remove(call.me.account_id, call.path["username"])
    return Reply(status=204)
