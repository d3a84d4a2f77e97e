"""Connections: who is let in, what every event is answered with, and what bad input does (nothing)."""

import asyncio
from typing import Any

import msgpack
import pytest
import socketio
from aiohttp import ClientSession, WSMsgType

from tests.conftest import StartServer
from tests.people import Listener, Person
from tests.rooms.talk import direct, friends, hears, refusal, rows, say
from tests.serving import Server
from tests.waiting import until


async def refused_connect(server: Server, auth: Any) -> dict[str, Any]:
    """The problem that a connection is refused with."""
    client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def refused(data: Any) -> None:
        if not told.done():
            told.set_result(data)

    client.on("connect_error", refused)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(server.url, auth=auth, transports=["websocket"], wait_timeout=5)
    problem = (await asyncio.wait_for(told, 5))["data"]
    await client.disconnect()
    assert isinstance(problem, dict)
    return problem


async def test_a_bad_token_is_a_connect_error_with_its_problem(server: Server) -> None:
    for auth in ({"token": "wrong"}, {"token": ""}, {"token": 5}, {}, None, "text", ["a"]):
        problem = await refused_connect(server, auth)
        assert (problem["type"], problem["status"]) == ("/problems/unauthorised", 401)


async def test_a_socket_outlives_its_token_and_an_old_token_opens_none(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    server.clock.advance(3600)
    assert (await refused_connect(server, {"token": anna.access}))["type"] == "/problems/token_expired"
    await say(a, talk, "still here")


async def test_a_session_that_ends_takes_its_sockets_within_a_second(server: Server) -> None:
    anna = await server.person("anna")
    a = await anna.connect()
    listed = (await anna.get("/api/v1/me/sessions")).json
    [own] = listed["items"] if isinstance(listed, dict) else listed
    assert (await anna.delete(f"/api/v1/me/sessions/{own['id']}")).status == 204
    await until(lambda: not a.connected, "the socket to end", patience_s=1.0)
    assert (await refused_connect(server, {"token": anna.access}))["type"] == "/problems/unauthorised"


@pytest.mark.parametrize("transports", [("polling",), ("websocket",), ("polling", "websocket")], ids="+".join)
async def test_messages_pass_over_each_transport(server: Server, transports: tuple[str, ...]) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(transports=transports), await ben.connect(transports=transports)
    for number in range(5):
        await say(a, talk, f"m{number}")
    await hears(b, *(f"m{number}" for number in range(5)))
    await a.close()
    await b.close()


async def test_every_event_is_acknowledged_and_a_bad_one_writes_nothing(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    ok = {"conversation": talk, "client_id": "k", "body": "x"}
    bad: list[tuple[str, Any, str]] = [
        ("nothing:like-it", {}, "unknown_event"),
        ("message:send", "text", "invalid"),
        ("message:send", None, "invalid"),
        ("message:send", [1], "invalid"),
        ("message:send", ok | {"extra": 1}, "invalid"),
        ("message:send", ok | {"body": 5}, "invalid"),
        ("message:send", ok | {"client_id": "k" * 65}, "invalid"),
        ("message:send", ok | {"client_id": "a\u0000b"}, "invalid"),
        ("message:send", ok | {"attachments": [{"kind": "bomb", "id": "x"}]}, "invalid"),
        ("message:send", ok | {"conversation": "x"}, "invalid"),
        ("message:send", ok | {"conversation": "f" * 32}, "not_found"),
        ("message:received", {"conversation": talk, "seq": -1}, "invalid"),
        ("message:received", {"conversation": talk, "seq": "1"}, "invalid"),
        ("message:received", {"conversation": talk, "seq": 2**60}, "invalid"),
        ("message:react", {"conversation": talk, "id": "f" * 32, "emoji": ""}, "invalid"),
        ("message:react", {"conversation": talk, "id": "f" * 32, "emoji": "x"}, "not_found"),
        ("sync", {"conversations": {talk: {"seq": "x"}}}, "invalid"),
        ("sync", {"conversations": []}, "invalid"),
        ("typing", {"conversation": talk}, "invalid"),
        ("presence:subscribe", {"users": "anna"}, "invalid"),
        ("presence:set", {"status": "dancing"}, "invalid"),
        ("live:join", {"live": "f" * 32}, "not_found"),
        ("live:say", {"live": "f" * 32, "body": ""}, "invalid"),
    ]
    for event, data, expected in bad:
        assert await refusal(a, event, data) == expected, (event, data)
    for table in ("message", "sent", "body_key"):
        assert await rows(server, table) == 0
    await say(a, talk, "fine")


async def test_another_persons_conversation_is_not_there(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    sent = await say(await anna.connect(), talk, "private")
    carl = await server.person("carl")
    c = await carl.connect()
    for event, more in [
        ("message:send", {"client_id": "k", "body": "x"}),
        ("message:received", {"seq": 1}),
        ("message:read", {"seq": 1}),
        ("message:react", {"id": sent["id"], "emoji": "x"}),
        ("message:edit", {"id": sent["id"], "body": "x"}),
        ("message:delete", {"id": sent["id"]}),
        ("typing", {"active": True}),
    ]:
        assert await refusal(c, event, {"conversation": talk} | more) == "not_found", event
    assert (await c.call("sync", {"conversations": {talk: {"epoch": None, "seq": 0}}}))["data"] == {}


async def test_floods_are_told_when_to_come_back(start_server: StartServer) -> None:
    server = await start_server(rate_scale=1.0)
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    answers = await asyncio.gather(
        *(a.call("message:send", {"conversation": talk, "client_id": f"k{number}", "body": "x"}) for number in range(130))
    )
    refused = [answer["error"] for answer in answers if not answer["ok"]]
    assert len(refused) == 10
    assert all(error["type"] == "/problems/too_many" and error["retry_after"] >= 1 for error in refused)


async def test_packets_that_are_none_are_counted_and_end_only_their_own_connection(
    server: Server, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    garbage = [
        "4",
        "49",
        "42[",
        "42{}",
        "42[5]",
        '451-["x"',
        '459999999999-["x"]',
        "40/nowhere,",
        "42" + "[" * 2000,
        "x",
        "",
        "4\ud83d".encode(errors="replace").decode(),
    ]
    async with ClientSession() as http:
        for packet in garbage:
            async with http.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket") as ws:
                await ws.receive(timeout=5)
                await ws.send_str(f'40{{"token":"{anna.access}"}}')
                await ws.receive(timeout=5)
                await ws.send_str(packet)
                await ws.send_bytes(b"\xff\xfe\x00garbage")
                while (await ws.receive(timeout=10)).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
                    pass
    await say(a, talk, "unharmed")
    await hears(b, "unharmed")
    assert "Traceback" not in caplog.text + "".join(capsys.readouterr())


async def test_a_client_of_the_msgpack_parser_speaks_msgpack(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    b = await ben.connect()
    async with ClientSession() as http, http.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket") as ws:
        await ws.receive(timeout=5)
        await ws.send_bytes(msgpack.packb({"type": 0, "nsp": "/", "data": {"token": anna.access}}))
        connected = msgpack.unpackb((await ws.receive(timeout=5)).data)
        assert (connected["type"], connected["nsp"]) == (0, "/")
        body = {"conversation": talk, "client_id": "k", "body": "in bytes"}
        await ws.send_bytes(msgpack.packb({"type": 2, "nsp": "/", "id": 7, "data": ["message:send", body]}))
        answer = msgpack.unpackb((await ws.receive(timeout=5)).data)
        assert (answer["type"], answer["id"], answer["data"][0]["ok"]) == (3, 7, True)
        await hears(b, "in bytes")
        await say(b, talk, "back")
        heard = msgpack.unpackb((await ws.receive(timeout=5)).data)
        assert (heard["data"][0], heard["data"][1]["body"]) == ("message:new", "back")


async def test_an_unverified_account_connects_and_cannot_write_to_new_people(server: Server) -> None:
    ben = await server.person("ben")
    assert (await ben.patch("/api/v1/me/settings", {"who_can_message": "everyone"})).status == 200
    anna: Person = await server.person("anna", verify=False)
    listener: Listener = await anna.connect()
    assert (await listener.call("sync", {}))["ok"]
    assert (await anna.post("/api/v1/conversations", {"kind": "direct", "members": ["ben"]})).status == 403
