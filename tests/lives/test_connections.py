"""What connections go through while a live goes on, through the real server: another address, new credentials, replayed packets, a host who was gone."""

import re
from itertools import pairwise
from typing import Any

from bench.rtcpeer import RtcPeer
from tests.conftest import StartServer
from tests.flows.broadcast import SDP, Broadcast
from tests.waiting import until

FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
NEW_ICE = "a=ice-ufrag:restarted\r\na=ice-pwd:9876543210987654321098\r\n"


async def test_a_session_outlives_another_network_new_credentials_replays_and_a_host_who_comes_back(start_server: StartServer) -> None:
    server = await start_server(media=True)
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna, keep_replay=False).start()
    peer = RtcPeer()
    answer = await server.call("POST", f"/whep/{broadcast.id}", data=peer.offer_to_watch(), headers=SDP, token=ben.access)
    assert answer.status == 201
    place = answer.headers["Location"]
    peer.accept(answer.body.decode())
    assert peer.answered
    picture, pictures = peer.answered.ssrcs["video"], []

    def got(packet: bytes, _at: float) -> None:
        if int.from_bytes(packet[8:12], "big") == picture:
            pictures.append((int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[4:8], "big")))

    async def figures() -> dict[str, Any]:
        (told,) = (await anna.get(f"/api/v1/lives/{broadcast.id}/stats")).json["media"]["publications"].values()
        return dict(told)

    async def goes_on(count: int = 60) -> None:
        before = len(pictures)
        await until(lambda: len(pictures) > before + count, "pictures to go on")
        assert not peer.closed.is_set()

    try:
        peer.on_rtp = got
        await peer.connect()
        await goes_on()

        # Another address, as a phone that leaves its Wi-Fi: the same session, no word over HTTP.
        peer.move()
        await goes_on()
        (viewer,) = (await figures())["viewers"]
        assert (viewer["roamed"], viewer["state"]) == (1, "connected")

        # ICE restart (RFC 9725, 4.3.1), then from a third address with the new credentials alone.
        restarted = await server.call("PATCH", place, data=NEW_ICE, headers=FRAGMENT, token=ben.access)
        assert restarted.status == 200
        told = dict(re.findall(r"a=(ice-ufrag|ice-pwd):(\S+)", restarted.body.decode()))
        assert told["ice-ufrag"] != peer.answered.ufrag
        peer.answered.ufrag, peer.answered.password = told["ice-ufrag"], told["ice-pwd"]
        peer.move()
        await goes_on()
        (viewer,) = (await figures())["viewers"]
        assert (viewer["roamed"], viewer["state"]) == (2, "connected")

        # Somebody on the way sends a host's packets again: they are refused, and no viewer sees anything of it.
        sent: list[bytes] = []
        send = broadcast.peer.send_datagram

        def keep(data: bytes) -> None:
            sent.append(data)
            send(data)

        broadcast.peer.send_datagram = keep  # type: ignore[method-assign]
        await until(lambda: len(sent) > 20, "packets of the host's")
        again = [data for data in sent[:20] if 127 < data[0] < 192 and not 192 <= data[1] <= 223]
        for data in again:
            send(data)

        async def refused() -> bool:
            return bool((await figures())["transport_drops"].get("srtp_replay", 0) >= len(again))

        await until(refused, "replays to be refused")
        await goes_on()

        # The host's connection breaks; it comes back to the same live, and the viewer sees it resume.
        await broadcast.stop()

        async def is_away() -> bool:
            return not (await figures())["connected"]

        await until(is_away, "the host to be away")
        await broadcast.publish()
        await goes_on()
        assert (await anna.get(f"/api/v1/lives/{broadcast.id}")).json["state"] == "live"

        # All of it was one stream: no number twice, none missing, time never back.
        assert all((b - a) % 65536 == 1 for (a, _), (b, _) in pairwise(pictures))
        steps = [(b - a) % (1 << 32) for (_, a), (_, b) in pairwise(pictures)]
        assert max(steps) < 90_000 * 20
        assert (await server.call("DELETE", place, token=ben.access)).status == 200
    finally:
        peer.close()
        await broadcast.end()
