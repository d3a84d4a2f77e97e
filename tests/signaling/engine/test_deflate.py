"""Per-message deflate: what is agreed on, what is packed, what is refused; with stock clients, the setting on and off."""

import os
import zlib
from functools import partial

import orjson
import pytest
from aiohttp import ClientSession, WSMsgType

from livecore.signaling.encoding import Encoded, Form
from livecore.signaling.engine import deflate, frames
from tests.conftest import StartServer
from tests.people import Listener, Person
from tests.rooms.talk import bodies, friends, group, say
from tests.serving import Server
from tests.signaling.engine.test_frames import masked
from tests.waiting import until

LIMIT = 10_000
LONG = "a long line that says the same again; " * 40


def packed(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def reader() -> frames.FrameReader:
    return frames.FrameReader(LIMIT, deflate.inflated)


@pytest.mark.parametrize(
    ("offer", "is_taken"),
    [
        ("permessage-deflate", True),
        ("permessage-deflate; client_max_window_bits", True),
        ("permessage-deflate; server_no_context_takeover; client_max_window_bits=10", True),
        ('permessage-deflate; server_max_window_bits="15"', True),
        ("permessage-deflate; server_max_window_bits=9, permessage-deflate", True),
        ("permessage-deflate; server_max_window_bits=9", False),
        ("permessage-deflate; server_max_window_bits", False),
        ("permessage-deflate; client_max_window_bits=16", False),
        ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", False),
        ("permessage-deflate; server_no_context_takeover=1", False),
        ("permessage-deflate; something", False),
        ("x-webkit-deflate-frame", False),
        ("", False),
    ],
)
def test_an_offer_is_taken_whole_or_not(offer: str, is_taken: bool) -> None:
    assert (deflate.agreed([offer]) is not None) == is_taken


def test_a_message_is_inflated_also_in_fragments_and_between_plain_ones() -> None:
    text = LONG.encode()
    data = packed(text)
    parts = [
        masked(data[:10], final=False, rsv=frames.COMPRESSED),
        masked(b"ping", frames.PING),
        masked(data[10:20], frames.CONTINUATION, final=False),
        masked(data[20:], frames.CONTINUATION),
        masked(b"plain"),
        masked(packed(b"bytes" * 9), frames.BINARY, rsv=frames.COMPRESSED),
    ]
    assert reader().feed(b"".join(parts)) == [
        frames.Message(frames.PING, b"ping"),
        frames.Message(frames.TEXT, LONG),
        frames.Message(frames.TEXT, "plain"),
        frames.Message(frames.BINARY, b"bytes" * 9),
    ]


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (masked(packed(bytes(LIMIT + 1)), frames.BINARY, rsv=0x40), frames.TOO_BIG),
        (masked(packed(bytes(50_000_000))[:9_000], frames.BINARY, rsv=0x40), frames.TOO_BIG),
        (masked(b"\xff\xff\xff\xff", frames.BINARY, rsv=0x40), frames.BAD_TEXT),
        (masked(packed(b"\xff\xfe"), rsv=0x40), frames.BAD_TEXT),
        (masked(zlib.compress(b"one", wbits=-15) + packed(b"two"), frames.BINARY, rsv=0x40), frames.BAD_TEXT),
        (masked(b"", frames.PING, rsv=0x40), frames.PROTOCOL_ERROR),
        (masked(b"a", final=False) + masked(b"b", frames.CONTINUATION, rsv=0x40), frames.PROTOCOL_ERROR),
        (masked(packed(b"a"), rsv=0x20), frames.PROTOCOL_ERROR),
    ],
)
def test_a_bomb_and_what_is_no_deflate_end_with_a_code(stream: bytes, code: int) -> None:
    with pytest.raises(frames.BadFrame) as refused:
        reader().feed(stream)
    assert refused.value.code == code


def test_a_frame_is_packed_once_for_all_and_only_where_that_helps() -> None:
    event = Encoded("message:new", {"body": LONG})
    made = event.frame(Form.TEXT_DEFLATED)
    assert made is event.frame(Form.TEXT_DEFLATED)
    assert len(made) * 4 < len(event.frame(Form.TEXT))
    assert deflate.inflated(made[2:] if made[1] < 126 else made[4:], LIMIT) == event.frame(Form.TEXT)[4:]
    assert Encoded("typing", {}).frame(Form.TEXT_DEFLATED) == Encoded("typing", {}).frame(Form.TEXT)
    noise = os.urandom(1000)
    assert deflate.frame(noise, frames.BINARY) == frames.frame(noise, frames.BINARY)


def lines(listener: Listener, count: int) -> bool:
    return len(listener.heard("live:message")) == count


async def deflating(person: Person) -> Listener:
    """python-socketio that upgrades from polling and offers deflate."""
    listener = Listener()
    listener.client.eio.websocket_extra_options = {"compress": 15}
    await listener.client.connect(person.server.url, auth={"token": person.access}, transports=["polling", "websocket"])
    person.sockets.append(listener)
    return listener


async def test_a_room_of_deflating_and_plain_clients_hears_the_same(start_server: StartServer) -> None:
    server = await start_server(websocket_deflate=True)
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    a = await anna.connect()  # offers nothing
    b = await deflating(ben)
    assert not a.client.eio.ws.compress
    assert b.client.eio.ws.compress
    talk = await group(anna, ben, carl)
    async with ClientSession() as http, http.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket", compress=15) as ws:
        assert ws.compress
        assert (await ws.receive_str())[0] == "0"
        await ws.send_str(f'40{{"token":"{carl.access}"}}')
        assert (await ws.receive_str()).startswith("40")
        # A packed message from the client, whose acknowledgement and echo to the room come back.
        await ws.send_str(f'421["message:send",{{"conversation":"{talk}","client_id":"c","body":"{LONG}"}}]')
        await until(lambda: LONG in bodies(a.heard("message:new")), "the packed message")
        await say(a, talk, LONG + "!", "a")
        await until(lambda: bodies(b.heard("message:new")) == [LONG, LONG + "!"], "both at the client that upgraded")
        heard = ""
        while LONG + "!" not in heard:
            heard = await ws.receive_str(timeout=10)
        # A live's room, where one write goes to all who are spoken to alike.
        live = (await anna.post("/api/v1/lives", {"title": "Evening"})).json["id"]
        await ws.send_str(f'422["live:join",{{"live":"{live}"}}]')
        while not heard.startswith("432"):
            heard = await ws.receive_str(timeout=10)
        for listener in (a, b):
            assert (await listener.call("live:join", {"live": live}))["ok"]
        for number in range(5):
            assert (await a.call("live:say", {"live": live, "body": f"{number} {LONG[:300]}"}))["ok"]
        for listener in (a, b):
            await until(partial(lines, listener, 5), "all lines")
            assert [line["body"][0] for line in listener.heard("live:message")] == list("01234")
        numbers: list[str] = []
        while len(numbers) < 5:
            heard = await ws.receive_str(timeout=10)
            numbers += [line["body"][0] for name, line in [orjson.loads(heard[2:])] if name == "live:message"] if heard[:2] == "42" else []
        assert numbers == list("01234")


async def test_a_bomb_over_the_wire_ends_its_connection_with_1009(start_server: StartServer) -> None:
    server = await start_server(websocket_deflate=True)
    async with ClientSession() as http, http.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket", compress=15) as ws:
        await ws.receive_str()
        await ws.send_str("4" + " " * 8_000_000)
        message = await ws.receive(timeout=10)
        assert (message.type, message.data) == (WSMsgType.CLOSE, frames.TOO_BIG)
    assert (await server.call("GET", "/readyz")).status == 200


async def test_without_the_setting_nothing_is_agreed_on(server: Server) -> None:
    async with ClientSession() as http, http.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket", compress=15) as ws:
        assert not ws.compress
        assert (await ws.receive_str())[0] == "0"
