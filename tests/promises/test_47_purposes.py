"""47. Purposes recorded, and marketing refused by the code path to who did not ask for it."""

import pytest

from livecore import errors
from livecore.data import Personal, metadata
from livecore.ports import Mail
from tests.serving import Server
from tests.waiting import until

PURPOSES = {"operate", "provide", "improve", "understand", "customize", "support", "market", "safety", "legal"}


async def test_47_each_stored_category_has_its_purposes_in_public(server: Server) -> None:
    answer = await server.call("GET", "/api/v1/policies/data-map")
    assert answer.status == 200
    entries = {entry["name"]: entry for entry in answer.json["categories"]}
    for table in metadata.sorted_tables:
        declared = table.info.get("personal")
        if isinstance(declared, Personal):
            assert table.name in entries
            assert set(entries[table.name]["why"]) <= PURPOSES
            assert entries[table.name]["why"]
    used = {purpose for entry in entries.values() for purpose in entry["why"]}
    assert used == PURPOSES


async def test_47_news_goes_to_those_alone_who_asked_for_it(server: Server) -> None:
    anna, ben, cara, boss = [await server.person(name) for name in ("anna", "ben", "cara", "boss")]
    await server.app.accounts.grant("boss", "admin")
    await boss.sign_in()
    await anna.patch("/api/v1/me/settings", {"marketing": True})
    await cara.patch("/api/v1/me/settings", {"marketing": True, "restrict": True})
    letter = {"subject": "A new feature", "text": "Lives have reactions now."}
    one = await boss.post("/api/v1/admin/news", letter | {"username": "ben"})
    assert (one.status, one.type) == (403, "opted_out")
    assert (await anna.post("/api/v1/admin/news", letter)).status == 403
    assert (await boss.post("/api/v1/admin/news", letter)).status == 202

    def got(address: str) -> list[str]:
        return [mail["text"] for mail in server.sent(address) if "Lives have reactions" in mail["text"]]

    await until(lambda: got(anna.email), "the letter")
    # Another letter to her alone: once it is there, the round of the first is over or has passed her by.
    assert (await boss.post("/api/v1/admin/news", letter | {"username": "anna"})).status == 202
    assert [len(got(person.email)) for person in (anna, ben, cara, boss)] == [2, 0, 0, 0]
    await anna.patch("/api/v1/me/settings", {"marketing": False})
    assert (await boss.post("/api/v1/admin/news", letter | {"username": "anna"})).type == "opted_out"


async def test_47_no_other_way_to_the_mailer_leads_past_it(server: Server) -> None:
    anna = await server.person("anna")
    for address in (anna.email, "nobody@example.org"):
        with pytest.raises(errors.Forbidden):
            await server.app.mailer.send_mail(Mail(address, "News", "Buy", purpose="market"))
    assert not [mail for mail in server.sent(anna.email) if "Buy" in mail["text"]]
    # What the account itself needs still goes.
    await server.app.mailer.send_mail(Mail(anna.email, "A code", "Something needed"))
    assert [mail for mail in server.sent(anna.email) if "Something needed" in mail["text"]]
