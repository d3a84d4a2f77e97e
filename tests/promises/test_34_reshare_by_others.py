"""34. Re-share by others: "may store or re-share your information (including your phone number)"."""

import json

from tests.rooms.media_files import photo
from tests.rooms.talk import direct, friends, hears, refusal
from tests.rooms.test_attachments import give, send
from tests.serving import Server
from tests.waiting import until


async def test_34_what_is_forwarded_says_nothing_of_who_wrote_it_first(server: Server) -> None:
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    first, second = await direct(anna, ben), await direct(ben, carl)
    a, b, c = [await person.connect() for person in (anna, ben, carl)]
    given = await give(anna, first, photo())
    sent = await send(a, first, {"kind": "image", "id": given["id"], "name": "IMG_0001.jpg"}, body="look at this", client_id="annas-own-id")
    [heard] = await hears(b, "look at this")
    copied = await ben.post(f"/api/v1/attachments/{heard['attachments'][0]['id']}/copies", {"conversation": second})
    assert copied.status == 201
    await send(b, second, {"kind": "image", "id": copied.json["id"]}, body=heard["body"], client_id="bens-own-id")
    [arrived] = await hears(c, "look at this")
    told = json.dumps(arrived)
    for trace in ("anna", anna.id, sent["id"], "annas-own-id", given["id"], first, "IMG_0001"):
        assert trace not in told, trace
    assert arrived["sender"] == "ben"
    fetched = (await carl.get(f"/api/v1/attachments/{copied.json['id']}")).json
    assert len((await server.call("GET", fetched["url"])).body) == given["size"]
    # A client cannot smuggle a trail in either: unknown fields are refused.
    trail = {"kind": "image", "id": copied.json["id"], "forwarded_from": "anna"}
    assert await refusal(b, "message:send", {"conversation": second, "client_id": "3", "attachments": [trail]}) == "invalid"
    # Who may not see the first one cannot copy it.
    assert (await carl.post(f"/api/v1/attachments/{given['id']}/copies", {"conversation": second})).status == 410


async def test_34_a_contact_card_with_a_hidden_number_goes_only_from_ones_own_address_book(server: Server) -> None:
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    card = {"kind": "contact", "id": "carl", "name": "Carl", "phone": carl.phone}
    await send(a, talk, card, client_id="shown to anna by carl")
    assert (await carl.patch("/api/v1/me/settings", {"visibility_phone": "nobody"})).status == 200

    async def tried(**more: str) -> str:
        return await refusal(a, "message:send", {"conversation": talk, "client_id": str(more), "attachments": [card | more]})

    assert await tried() == "phone_hidden"
    assert await tried(id="") == "phone_hidden"
    # A number that nobody here has is refused alike, so that nobody is found by trying.
    assert await tried(id="", phone="+4915119999999") == "phone_hidden"
    without = {"kind": "contact", "id": "carl"}
    await send(a, talk, without, client_id="no number")
    book = await anna.post("/api/v1/contacts", {"authorized": True, "add": [carl.phone]})
    assert book.status in (200, 201), book
    await send(a, talk, card, client_id="from anna's book")
    heard = await until(lambda: b.heard("message:new") if len(b.heard("message:new")) == 3 else None)
    assert [one["attachments"][0].get("phone") for one in heard] == [carl.phone, None, carl.phone]
