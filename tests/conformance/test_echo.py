"""What the official suites of both protocols ask, in our words, against the echo server on a real port."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web

from tests.conformance.echo import CONNECT_TIMEOUT_S, TIMES, application

INTERVAL_S, TIMEOUT_S = TIMES["ping_interval"], TIMES["ping_timeout"]


class Echo:
    def __init__(self, url: str, http: ClientSession) -> None:
        self.url = url
        self.http = http

    async def request(self, method: str, query: str, body: str | None = None, path: str = "engine.io") -> tuple[int, str]:
        async with self.http.request(method, f"{self.url}/{path}/?{query}", data=body) as response:
            return response.status, await response.text()

    async def open(self) -> str:
        status, text = await self.request("GET", "EIO=4&transport=polling")
        assert status == 200
        return str(json.loads(text[1:])["sid"])

    async def poll(self, sid: str) -> tuple[int, str]:
        return await self.request("GET", f"EIO=4&transport=polling&sid={sid}")

    async def post(self, sid: str, body: str) -> tuple[int, str]:
        return await self.request("POST", f"EIO=4&transport=polling&sid={sid}", body)

    async def websocket(self, more: str = "", path: str = "engine.io") -> ClientWebSocketResponse:
        return await self.http.ws_connect(f"{self.url}/{path}/?EIO=4&transport=websocket{more}", autoping=False)

    async def socket(self, *packets: str) -> ClientWebSocketResponse:
        """A Socket.IO connection that has sent these packets."""
        ws = await self.websocket(path="socket.io")
        await ws.receive_str()
        for packet in packets:
            await ws.send_str(packet)
        return ws


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    runner = web.AppRunner(application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession() as http:
        yield Echo("http://{}:{}".format(*runner.addresses[0][:2]), http)
    await runner.cleanup()


async def heard(ws: ClientWebSocketResponse) -> str | bytes:
    """The next packet that is no ping."""
    while True:
        message = await ws.receive(timeout=5)
        assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
        if message.data != "2":
            return message.data  # type: ignore[no-any-return]


async def closed(ws: ClientWebSocketResponse, within_s: float = 5) -> None:
    async with asyncio.timeout(within_s):
        while (await ws.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            pass


# -- Engine.IO: handshake


async def test_a_session_opens_over_polling_and_over_websocket(echo: Echo) -> None:
    _, text = await echo.request("GET", "EIO=4&transport=polling")
    ws = await echo.websocket()
    for hello, upgrades in ((text, ["websocket"]), (await ws.receive_str(), [])):
        assert hello[0] == "0"
        told = json.loads(hello[1:])
        assert isinstance(told.pop("sid"), str)
        assert told == {"upgrades": upgrades, "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}


@pytest.mark.parametrize(
    "query", ["transport=polling", "EIO=abc&transport=polling", "EIO=4", "EIO=4&transport=abc", "EIO=4&transport=websocket"]
)
async def test_a_bad_query_is_a_bad_request(echo: Echo, query: str) -> None:
    status, text = await echo.request("GET", query)
    assert status == 400
    assert set(json.loads(text)) == {"code", "message"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_session_opens_by_get_alone(echo: Echo, method: str) -> None:
    assert (await echo.request(method, "EIO=4&transport=polling"))[0] == 400


@pytest.mark.parametrize("query", ["transport=websocket", "EIO=abc&transport=websocket", "EIO=4", "EIO=4&transport=abc"])
async def test_a_bad_websocket_handshake_is_refused(echo: Echo, query: str) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await echo.http.ws_connect(f"{echo.url}/engine.io/?{query}")
    assert refused.value.status == 400


# -- Engine.IO: messages


@pytest.mark.parametrize("payload", ["4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA=="], ids=["one", "three", "binary"])
async def test_messages_come_back_over_polling(echo: Echo, payload: str) -> None:
    sid = await echo.open()
    assert await echo.post(sid, payload) == (200, "ok")
    assert await echo.poll(sid) == (200, payload)


@pytest.mark.parametrize("body", ["abc", "", "4a\x1e", "b***", "0", "2", "5", "6"])
async def test_a_packet_that_is_none_closes_a_polling_session(echo: Echo, body: str) -> None:
    sid = await echo.open()
    assert (await echo.post(sid, body))[0] == 400
    assert (await echo.poll(sid))[0] == 400


async def test_two_polls_at_once_close_the_session(echo: Echo) -> None:
    sid = await echo.open()
    first = asyncio.create_task(echo.poll(sid))
    await asyncio.sleep(0)
    second = None
    for _ in range(100):
        status, text = await echo.request("GET", f"EIO=4&transport=polling&sid={sid}&t=burst")
        second = status
        if status == 400:
            break
        assert text == "2"  # the first was not there yet
    assert second == 400
    assert (await first)[1] in ("1", "")
    assert (await echo.poll(sid))[0] == 400


async def test_a_poll_that_was_given_up_closes_the_session(echo: Echo) -> None:
    sid = await echo.open()
    poll = asyncio.create_task(echo.poll(sid))
    await asyncio.sleep(0.02)
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)
    # By the next poll, or by the packet that nobody would have read.
    for _ in range(50):
        status, _text = await echo.poll(sid)
        if status == 400:
            break
    assert status == 400
    assert (await echo.poll(sid))[0] == 400


async def test_a_body_over_the_announced_limit_is_refused(echo: Echo) -> None:
    sid = await echo.open()
    assert (await echo.post(sid, "4" + "x" * 1_000_001))[0] == 413
    assert (await echo.poll(sid))[0] == 400


async def test_messages_come_back_over_websocket(echo: Echo) -> None:
    ws = await echo.websocket()
    await ws.receive_str()
    for text in ("4hello", "4" + "ü" * 100, "4" + "x" * 70_000):
        await ws.send_str(text)
        assert await heard(ws) == text
    for data in (b"\x01\x02\x03\x04", b"", b"y" * 70_000):
        await ws.send_bytes(data)
        assert await heard(ws) == data


@pytest.mark.parametrize("text", ["abc", "", "2", "5", "7"])
async def test_a_packet_that_is_none_closes_a_websocket(echo: Echo, text: str) -> None:
    ws = await echo.websocket()
    await ws.receive_str()
    await ws.send_str(text)
    await closed(ws, 1)


# -- Engine.IO: heartbeat and close


async def test_pings_come_at_their_interval(echo: Echo) -> None:
    sid = await echo.open()
    ws = await echo.websocket()
    await ws.receive_str()
    for _ in range(3):
        assert await echo.poll(sid) == (200, "2")
        assert await echo.post(sid, "3") == (200, "ok")
        assert await ws.receive_str() == "2"
        await ws.send_str("3")


async def test_who_does_not_answer_a_ping_is_closed_in_time(echo: Echo) -> None:
    began = time.monotonic()
    sid = await echo.open()
    ws = await echo.websocket()
    await closed(ws, INTERVAL_S + TIMEOUT_S + 0.5)
    assert time.monotonic() - began >= INTERVAL_S
    assert (await echo.poll(sid))[0] == 400


async def test_a_client_closes_its_session(echo: Echo) -> None:
    sid = await echo.open()
    poll = asyncio.create_task(echo.poll(sid))
    assert (await echo.post(sid, "1"))[0] == 200
    assert (await poll)[1] in ("6", "2")
    assert (await echo.poll(sid))[0] == 400
    ws = await echo.websocket()
    await ws.receive_str()
    await ws.send_str("1")
    await closed(ws, 1)


# -- Engine.IO: upgrade


async def test_a_session_moves_from_polling_to_websocket(echo: Echo) -> None:
    sid = await echo.open()
    ws = await echo.websocket(f"&sid={sid}")
    await ws.send_str("2probe")
    assert await ws.receive_str() == "3probe"
    assert await echo.poll(sid) == (200, "6")
    await ws.send_str("5")
    await ws.send_str("4hello")
    assert await heard(ws) == "4hello"
    assert (await echo.poll(sid))[0] == 400
    with pytest.raises(WSServerHandshakeError):
        await echo.websocket(f"&sid={sid}")
    await ws.send_str("4still here")
    assert await heard(ws) == "4still here"


async def test_what_was_held_during_an_upgrade_arrives_first_and_once(echo: Echo) -> None:
    sid = await echo.open()
    ws = await echo.websocket(f"&sid={sid}")
    await ws.send_str("2probe")
    assert await ws.receive_str() == "3probe"
    assert (await echo.post(sid, "4one\x1e4two"))[0] == 200
    await ws.send_str("5")
    await ws.send_str("4three")
    assert [await heard(ws) for _ in range(3)] == ["4one", "4two", "4three"]


async def test_an_upgrade_that_fails_leaves_polling_as_it_was(echo: Echo) -> None:
    sid = await echo.open()
    ws = await echo.websocket(f"&sid={sid}")
    await ws.send_str("4not a probe")
    await closed(ws, 1)
    assert (await echo.post(sid, "4hello"))[0] == 200
    text = (await echo.poll(sid))[1]
    assert "4hello" in text.split("\x1e")


# -- Socket.IO


async def test_namespaces_are_entered_with_a_payload(echo: Echo) -> None:
    for namespace in ("", "/custom,"):
        for payload, expected in (("", "{}"), ('{"token":"123"}', '{"token":"123"}')):
            ws = await echo.socket(f"40{namespace}{payload}")
            answer = str(await heard(ws))
            assert answer.startswith(f"40{namespace}")
            assert list(json.loads(answer[2 + len(namespace) :])) == ["sid"]
            assert await heard(ws) == f'42{namespace}["auth",{expected}]'
            await ws.close()


async def test_an_unknown_namespace_is_refused(echo: Echo) -> None:
    ws = await echo.socket("40/random")
    assert await heard(ws) == '44/random,{"message":"Invalid namespace"}'


@pytest.mark.parametrize(
    "packet", ["4abc", "49", "4", "42", "42{}", "42[]", "42[1]", '42abc["message-with-ack",1]', '4999999["message"]', '40{"a"', "44"]
)
async def test_what_is_no_packet_closes_the_connection(echo: Echo, packet: str) -> None:
    ws = await echo.socket("40")
    await heard(ws)
    await heard(ws)
    await ws.send_str(packet)
    await closed(ws, 1)


async def test_a_connection_that_says_nothing_is_closed(echo: Echo) -> None:
    ws = await echo.socket()
    answering = asyncio.create_task(_answer_pings(ws))
    await asyncio.wait_for(answering, CONNECT_TIMEOUT_S + 1)


async def _answer_pings(ws: ClientWebSocketResponse) -> None:
    while True:
        message = await ws.receive()
        if message.type != WSMsgType.TEXT:
            return
        await ws.send_str("3")


async def test_events_come_back_with_and_without_acknowledgement(echo: Echo) -> None:
    ws = await echo.socket("40")
    await heard(ws)
    await heard(ws)
    await ws.send_str('42["message",1,"2",{"3":[true]}]')
    assert await heard(ws) == '42["message-back",1,"2",{"3":[true]}]'
    await ws.send_str('42456["message-with-ack",1,"2",{"3":[false]}]')
    assert await heard(ws) == '43456[1,"2",{"3":[false]}]'


async def test_binary_events_come_back_with_their_attachments(echo: Echo) -> None:
    ws = await echo.socket("40")
    await heard(ws)
    await heard(ws)
    await ws.send_str('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    await ws.send_bytes(b"\x01\x02\x03")
    await ws.send_bytes(b"\x04\x05\x06")
    assert await heard(ws) == '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    assert [await heard(ws), await heard(ws)] == [b"\x01\x02\x03", b"\x04\x05\x06"]
    await ws.send_str('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    await ws.send_bytes(b"\x01")
    await ws.send_bytes(b"\x02")
    assert await heard(ws) == '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'


async def test_leaving_one_namespace_leaves_the_other(echo: Echo) -> None:
    ws = await echo.socket("40", "40/custom")
    for _ in range(4):
        await heard(ws)
    await ws.send_str("41/custom")
    await ws.send_str('42["message","message to main namespace"]')
    assert await heard(ws) == '42["message-back","message to main namespace"]'
