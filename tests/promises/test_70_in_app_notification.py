"""70. In-app notification: "providing you with an in-app notification"."""

from typing import Any

from tests.people import Listener
from tests.serving import Server
from tests.waiting import until

DRAFT = {"summary": "Shorter.", "html": "<p>Second.</p>", "changes": "It is shorter now."}


def policy_notices(listener: Listener) -> list[dict[str, Any]]:
    """Each once: one that comes in the moment of a connect may be told by both."""
    return list({one["id"]: one for one in listener.heard("notice") if one["kind"] == "policy_updated"}.values())


async def test_70_a_change_of_the_policy_reaches_who_is_there_and_who_comes_later_until_it_is_read(server: Server) -> None:
    lena = await server.person("lena", staff="legal")
    anna, ben = await server.person("anna"), await server.person("ben")
    here = await anna.connect()
    assert (await lena.post("/api/v1/admin/policies/privacy/versions", DRAFT)).status == 201
    assert (await lena.post("/api/v1/admin/policies/privacy/versions/2/publish", {})).status in (200, 201)
    [told] = await until(lambda: policy_notices(here), "the notice of who is connected")
    assert told["data"]["policy"] == "privacy"
    # Who was away gets it at the next connect, and at each one until it was read.
    for _ in range(2):
        later = await ben.connect()
        [missed] = await until(lambda later=later: policy_notices(later), "the notice of who was away")
        await later.close()
    assert (await ben.post("/api/v1/me/notices/read", {"ids": [missed["id"]]})).json["marked"] == 1
    again = await ben.connect()
    # Told in order with what follows: after this one nothing of it is on the way.
    async with server.app.db.write() as conn:
        await server.app.notices.notify(conn, ben.id, "test", {})
    await until(lambda: [one for one in again.heard("notice") if one["kind"] == "test"], "a later notice")
    assert policy_notices(again) == []
    [kept] = [one for one in (await ben.get("/api/v1/me/notices")).json["items"] if one["kind"] == "policy_updated"]
    assert kept["read_at"] is not None
    [unread] = [one for one in (await anna.get("/api/v1/me/notices")).json["items"] if one["kind"] == "policy_updated"]
    assert unread["read_at"] is None
