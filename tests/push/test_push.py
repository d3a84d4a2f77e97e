"""Devices that are away are woken, told nothing, and left in peace otherwise."""

from collections.abc import AsyncIterator

import pytest

from livecore.errors import Invalid
from livecore.push.endpoints import check_endpoint
from livecore.push.vapid import Vapid
from tests.conftest import StartServer
from tests.people import Person
from tests.push.service import PushService, claims_of
from tests.rooms.talk import direct
from tests.serving import Server
from tests.waiting import until

SERVICES = "fcm.googleapis.com,*.push.services.mozilla.com"


@pytest.fixture
async def pushes() -> AsyncIterator[PushService]:
    service = PushService()
    runner = await service.start()
    yield service
    await runner.cleanup()


async def talking(start_server: StartServer, pushes: PushService, **settings: object) -> tuple[Server, Person, Person, str]:
    """Anna and Ben are friends and have a conversation; Ben has asked to be woken."""
    server = await start_server(push_services=pushes.origin, **settings)
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    answer = await ben.put(
        "/api/v1/me/push", {"endpoint": pushes.endpoint("ben"), "expirationTime": None, "keys": {"p256dh": "x", "auth": "y"}}
    )
    assert answer.status == 204, answer
    return server, anna, ben, await direct(anna, ben)


async def say(person: Person, conversation: str, word: str) -> None:
    listener = await person.connect()
    answer = await listener.call("message:send", {"conversation": conversation, "client_id": word, "body": word})
    assert answer["ok"], answer
    await listener.close()


async def test_a_device_that_is_away_is_woken_and_told_nothing(start_server: StartServer, pushes: PushService) -> None:
    _, anna, ben, conversation = await talking(start_server, pushes)
    await say(anna, conversation, "secret words")
    await until(lambda: pushes.to("ben"), "a push")
    pushed = pushes.pushed[0]
    assert pushed.body == b""
    assert (pushed.headers["TTL"], pushed.headers["Urgency"], pushed.headers["Topic"]) == ("86400", "normal", "messages")
    key = (await ben.get("/api/v1/me/push")).json["key"]
    claims = claims_of(pushed, key, pushes.origin)
    assert claims["sub"] == "mailto:operator@localhost"
    told = str(pushed.headers) + str(claims)
    assert "secret" not in told
    assert anna.username not in told
    assert ben.username not in told
    assert anna.id not in told


async def test_a_device_that_has_everything_is_left_in_peace(start_server: StartServer, pushes: PushService) -> None:
    server, anna, ben, conversation = await talking(start_server, pushes)
    cleo = await server.person("cleo")
    await server.befriend(anna, cleo)
    await cleo.put("/api/v1/me/push", {"endpoint": pushes.endpoint("cleo")})
    other = await direct(anna, cleo)
    listener = await ben.connect()
    await say(anna, conversation, "one")
    new = await until(lambda: listener.heard("message:new"), "the message")
    assert (await listener.call("message:received", {"conversation": conversation, "seq": new[0]["seq"]}))["ok"]
    # Cleo, who is away, is woken by a later message: by then Ben would have been, too.
    await say(anna, other, "two")
    await until(lambda: pushes.to("cleo"), "the push to somebody else")
    assert not pushes.to("ben")


async def test_nothing_wakes_who_switched_it_off(start_server: StartServer, pushes: PushService) -> None:
    server, anna, ben, conversation = await talking(start_server, pushes)
    cleo = await server.person("cleo")
    await server.befriend(anna, cleo)
    await cleo.put("/api/v1/me/push", {"endpoint": pushes.endpoint("cleo")})
    await ben.patch("/api/v1/me/settings", {"notify_messages": False})
    await say(anna, conversation, "one")
    await say(anna, await direct(anna, cleo), "two")
    await until(lambda: pushes.to("cleo"), "the push to somebody else")
    assert not pushes.to("ben")


async def test_a_muted_conversation_wakes_nobody(start_server: StartServer, pushes: PushService) -> None:
    server, anna, ben, conversation = await talking(start_server, pushes)
    cleo = await server.person("cleo")
    await server.befriend(anna, cleo)
    await cleo.put("/api/v1/me/push", {"endpoint": pushes.endpoint("cleo")})
    until_ms = server.clock.at_ms() + 3_600_000
    assert (await ben.patch(f"/api/v1/conversations/{conversation}", {"muted_until": until_ms})).status == 200
    await say(anna, conversation, "one")
    await say(anna, await direct(anna, cleo), "two")
    await until(lambda: pushes.to("cleo"), "the push to somebody else")
    assert not pushes.to("ben")


async def test_a_blocked_sender_wakes_nobody(start_server: StartServer, pushes: PushService) -> None:
    server, anna, ben, conversation = await talking(start_server, pushes)
    cleo = await server.person("cleo")
    await server.befriend(anna, cleo)
    await cleo.put("/api/v1/me/push", {"endpoint": pushes.endpoint("cleo")})
    made = await anna.post("/api/v1/conversations", {"kind": "group", "members": ["ben", "cleo"], "title": "Three"})
    assert (await ben.put("/api/v1/blocks/anna")).status == 204
    await say(anna, conversation, "one")
    await say(anna, made.json["id"], "two")
    await until(lambda: pushes.to("cleo"), "the push to somebody else")
    assert not pushes.to("ben")


async def test_many_messages_wake_once(start_server: StartServer, pushes: PushService) -> None:
    server, anna, _, conversation = await talking(start_server, pushes, push_every_s=3600)
    cleo = await server.person("cleo")
    await server.befriend(anna, cleo)
    await cleo.put("/api/v1/me/push", {"endpoint": pushes.endpoint("cleo")})
    for word in ("one", "two", "three"):
        await say(anna, conversation, word)
    await until(lambda: pushes.to("ben"), "a push")
    await say(anna, conversation, "four")
    await say(anna, await direct(anna, cleo), "five")
    await until(lambda: pushes.to("cleo"), "the push to somebody else")
    assert len(pushes.to("ben")) == 1


async def test_a_subscription_that_has_ended_is_forgotten(start_server: StartServer, pushes: PushService) -> None:
    _, anna, ben, conversation = await talking(start_server, pushes)
    pushes.status = 410
    await say(anna, conversation, "one")

    async def forgotten() -> bool:
        return not (await ben.get("/api/v1/me/push")).json["subscribed"]

    await until(forgotten, "the end of the subscription")


async def test_a_service_that_fails_is_asked_again_by_the_next_message(start_server: StartServer, pushes: PushService) -> None:
    _, anna, ben, conversation = await talking(start_server, pushes, push_every_s=0)
    pushes.status = 503
    await say(anna, conversation, "one")
    await until(lambda: pushes.to("ben"), "a push")
    pushes.status = 201
    await say(anna, conversation, "two")
    await until(lambda: len(pushes.to("ben")) == 2, "a second push")
    assert (await ben.get("/api/v1/me/push")).json["subscribed"]


async def test_signing_out_ends_it(start_server: StartServer, pushes: PushService) -> None:
    server, anna, ben, conversation = await talking(start_server, pushes)
    cleo = await server.person("cleo")
    await server.befriend(anna, cleo)
    await cleo.put("/api/v1/me/push", {"endpoint": pushes.endpoint("cleo")})
    assert (await ben.delete("/api/v1/me/session")).status == 204
    await say(anna, conversation, "one")
    await say(anna, await direct(anna, cleo), "two")
    await until(lambda: pushes.to("cleo"), "the push to somebody else")
    assert not pushes.to("ben")


async def test_what_a_process_forgot_is_found_by_the_sweep(start_server: StartServer, pushes: PushService) -> None:
    server, anna, _, conversation = await talking(start_server, pushes)
    server.app.rooms.on_commit = None  # as if the process had died before it looked
    await say(anna, conversation, "one")
    server.clock.advance(120)
    await until(lambda: pushes.to("ben"), "the sweep")


async def test_the_address_is_kept_sealed(start_server: StartServer, pushes: PushService) -> None:
    server, *_ = await talking(start_server, pushes)
    for path in server.settings.data_dir.rglob("*.sqlite*"):
        assert pushes.endpoint("ben").encode() not in path.read_bytes()


async def test_an_address_elsewhere_is_refused(server: Server) -> None:
    anna = await server.person("anna")
    for endpoint in ("https://127.0.0.1/x", "http://fcm.googleapis.com/x", "https://evil.example/fcm.googleapis.com", "no address"):
        answer = await anna.put("/api/v1/me/push", {"endpoint": endpoint})
        assert answer.status == 422, endpoint
        assert [one["field"] for one in answer.json["errors"]] == ["endpoint"]
    assert not (await anna.get("/api/v1/me/push")).json["subscribed"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://FCM.googleapis.com:443/x",
    ],
)
def test_known_services_are_taken(endpoint: str) -> None:
    assert check_endpoint(endpoint, SERVICES) == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://push.services.mozilla.com.evil.example/x",
        "https://user@fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://xpush.services.mozilla.com/x",
        "https://fcm.googleapis.com/\r\nx",
        "https://[::1/x",
        "https://fcm.googleapis.com/" + "x" * 1000,
        "ftp://fcm.googleapis.com/x",
        "https:///x",
        "",
    ],
)
def test_look_alikes_are_refused(endpoint: str) -> None:
    with pytest.raises(Invalid):
        check_endpoint(endpoint, SERVICES)


def test_every_process_has_the_same_identity() -> None:
    assert Vapid(b"secret", "mailto:a@b").public_key == Vapid(b"secret", "mailto:a@b").public_key
    assert Vapid(b"secret", "mailto:a@b").public_key != Vapid(b"other", "mailto:a@b").public_key
