"""What the media plane notices reaches those whom it concerns, over Socket.IO; figures are the host's alone."""

import contextlib
import itertools
import os
import random
import signal
import socket
from typing import Any

import pytest
from pydantic import TypeAdapter

from bench.rtcpeer import RtcPeer
from livecore.media import rtcp
from livecore.media.control import LayersWanted, SessionClosed, SpeakerChanged, ViewerChanged
from livecore.media.figures import LiveFigures
from tests.conftest import StartServer
from tests.flows.broadcast import Broadcast, watch
from tests.flows.onlooker import look, publish
from tests.serving import Server
from tests.waiting import until

# The last of three sizes.
LARGEST = 2


async def test_publisher_room_and_viewer_are_told_what_concerns_them(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    live = (await anna.post("/api/v1/lives", {"title": "Told"})).json["id"]
    anna_id, ben_id = [(await one.get("/api/v1/me")).json["id"] for one in (anna, ben)]
    host, viewer = await anna.connect(), await ben.connect()
    try:
        assert (await viewer.call("live:join", {"live": live}))["ok"]
        tell = server.app.media.on_event
        tell(LayersWanted(live, "p1", anna_id, ["l", "h"], [{"rid": "h", "spatial": 1, "temporal": 3}]))
        tell(SpeakerChanged(live, "p1"))
        tell(ViewerChanged(live, "p1", ben_id, "sound_only"))
        tell(ViewerChanged(live, "p1", ben_id, "paused"))
        tell(SessionClosed("0-ab", "watch", "too_slow", live, "p1", ben_id))
        tell(SessionClosed("0-ac", "watch", "left", live, "p1", ben_id))
        await until(lambda: len(viewer.heard("live:session")) == 3 and viewer.heard("live:speaker"), "what concerns the viewer")
        assert viewer.heard("live:speaker") == [{"live": live, "publication": "p1"}]
        assert [(one["state"], one["reason"]) for one in viewer.heard("live:session")] == [
            ("sound_only", None),
            ("paused", "too_slow"),
            ("closed", "too_slow"),
        ]
        await until(lambda: host.heard("live:layers"), "what concerns the publisher")
        assert host.heard("live:layers") == [
            {"live": live, "publication": "p1", "rids": ["l", "h"], "scalability": [{"rid": "h", "spatial": 1, "temporal": 3}]}
        ]
        assert not viewer.heard("live:layers")
        assert not host.heard("live:session")
        assert not host.heard("live:speaker"), "not in the room"
    finally:
        await host.close()
        await viewer.close()


async def test_who_speaks_is_heard_from_the_sound_itself(start_server: StartServer) -> None:
    """Two publishers write audio levels beside their packets (RFC 6464); the worker finds out who speaks, and the room is told."""
    server = await start_server(media=True)
    anna, ben, cora = [await server.person(name) for name in ("anna", "ben", "cora")]
    await server.befriend(anna, ben)
    host = await Broadcast(anna).start()
    host.level = 90  # a quiet room
    invited = (await anna.post(f"/api/v1/lives/{host.id}/guests", {"username": "ben"})).json
    guest = Broadcast(ben)
    guest.live = {"id": host.id, "whip": invited["whip"], "token": invited["token"]}
    listener = await cora.connect()
    try:
        assert (await listener.call("live:join", {"live": host.id}))["ok"]
        await guest.publish()
        guest.level = 30

        def told(count: int) -> list[str]:
            speakers = [one["publication"] for one in listener.heard("live:speaker")]
            return speakers if len(speakers) >= count else []

        assert await until(lambda: told(1), "the guest to be heard") == [invited["publication"]]
        host.level, guest.level = 30, 127
        main = (await until(lambda: told(2), "the host to be heard"))[1]
        stats = (await anna.get(f"/api/v1/lives/{host.id}/stats")).json["media"]["publications"]
        assert set(stats) == {main, invited["publication"]}
        assert [name for name, one in stats.items() if one["speaks"]] == [main]
        assert stats[main]["level_dbov"] > stats[invited["publication"]]["level_dbov"]
        # A cough is not speech: shorter than it takes to take over, it changes nothing.
        guest.level = 20
        sent = guest.sent["audio"]
        await until(lambda: guest.sent["audio"] >= sent + 8, "a sixth of a second of noise")
        guest.level = 127
        await host.send_more(110)
        assert len(told(2)) == 2
    finally:
        await listener.close()
        await guest.stop()
        await host.end()


def free_port() -> int:
    """For UDP and TCP, from below those that the kernel gives to whoever asks for any."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp, contextlib.suppress(OSError):
            for sock in (udp, tcp):
                sock.bind(("", port))
            return port
    raise AssertionError("no free port")


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
async def test_both_families_are_on_one_live_at_once(start_server: StartServer) -> None:
    """One answer names an address of each family and the worker's one port, as the settings have them; one socket serves both."""
    port = free_port()
    server = await start_server(media=True, media_host="127.0.0.1,::1", media_port=port)
    anna, ben, cora = [await server.person(name) for name in ("anna", "ben", "cora")]
    broadcast = await Broadcast(anna).start()
    peers = [await watch(ben, broadcast.id), await watch(cora, broadcast.id, local=("::1", 0))]
    try:
        hosts = [list(dict.fromkeys(host for host, _ in peer.answered.addresses)) for peer in peers if peer.answered]
        assert hosts == [["127.0.0.1", "::1"]] * 2
        assert {told for peer in peers if peer.answered for _, told in peer.answered.addresses} == {port}
        assert [peer.answered.address[0] for peer in peers if peer.answered and peer.answered.address] == ["127.0.0.1", "::1"]
        await until(lambda: all(peer.received > 200 for peer in peers), "pictures over both")
        assert not any(peer.drops for peer in peers)
    finally:
        for peer in peers:
            peer.close()
        await broadcast.end()


def lose_some(peer: RtcPeer) -> None:
    """Each twentieth media packet of this peer does not arrive."""
    send, count = peer.send_datagram, itertools.count(1)

    def send_or_not(data: bytes) -> None:
        is_media = 127 < data[0] < 192 and not 192 <= data[1] <= 223
        if not is_media or next(count) % 20:
            send(data)

    peer.send_datagram = send_or_not  # type: ignore[method-assign]  # the path, not the peer, is what loses


def report_as_a_phone(peer: RtcPeer) -> None:
    """Answer each sender report of the pictures with a loss of 20 in 256, 10 ms of jitter, and the echo that gives the round trip."""
    assert peer.answered is not None
    ssrc = peer.answered.ssrcs["video"]

    def told(message: rtcp.Message) -> None:
        if isinstance(message, rtcp.SenderReport) and message.ssrc == ssrc:
            block = rtcp.ReportBlock(ssrc, 20, 20, message.packets & 0xFFFF, 900, rtcp.ntp_middle(message.ntp), 0)
            peer.send_rtcp(rtcp.build_receiver_report(1, [block]))

    peer.on_rtcp = told


def asks_twice_for(peer: RtcPeer, packet: bytes) -> None:
    assert peer.answered is not None
    for _ in range(2):
        peer.send_rtcp(rtcp.build_nack(1, peer.answered.ssrcs["video"], [int.from_bytes(packet[2:4], "big")]))


async def test_figures_tell_the_host_of_publication_and_viewers(start_server: StartServer) -> None:
    """Bitrate, loss, round trip, jitter, layer and named drops, of what comes in and of who watches: the host's figures, and /metrics."""
    server = await start_server(media=True, media_counters_s=0.1)
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna).start()
    peer = await watch(ben, broadcast.id)
    try:
        lose_some(broadcast.peer)
        report_as_a_phone(peer)
        seen: list[bytes] = []
        peer.on_rtp = lambda packet, _at: seen.append(packet) if packet[1] & 127 == peer.answered.payload_types["video"] else None  # type: ignore[union-attr]
        await until(lambda: len(seen) > 100, "pictures")
        asks_twice_for(peer, seen[-1])

        # The published description is what is told, whole and no more.
        raw = (await anna.get(f"/api/v1/lives/{broadcast.id}/stats")).json["media"]
        assert TypeAdapter(LiveFigures).validate_python(raw, strict=True) == raw

        async def measured() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]] | None:
            told = (await anna.get(f"/api/v1/lives/{broadcast.id}/stats")).json["media"]["publications"]
            (publication,) = told.values()
            video = next(s for viewer in publication["viewers"] for s in viewer["subscriptions"] if s["kind"] == "video")
            (layer,) = next(t for t in publication["tracks"] if t["kind"] == "video")["layers"]
            both_sides = (video["bitrate_bps"], video["fraction_lost"], layer["bitrate_bps"], layer["fraction_lost"], video["resent"])
            return (publication, layer, video) if all(both_sides) and publication["round_trip_ms"] is not None else None

        publication, layer, video = await until(measured, "figures of both sides", 20)
        assert publication["round_trip_ms"] < 1000
        assert layer["lost"] > 0
        assert 0.01 < layer["fraction_lost"] < 0.2
        assert layer["jitter_ms"] < 1000
        assert layer["alive"]
        assert layer["watchers"] in (1, 2), "the viewer, and the recorder once it is there"
        assert (video["fraction_lost"], video["jitter_ms"], video["layer"]) == (0.0781, 10.0, "")
        assert 0 <= video["round_trip_ms"] < 1000
        assert video["drops"]["nack_too_soon"] == 1
        assert {"level_dbov", "speaks", "drops", "transport_drops", "connected"} <= set(publication)
        assert (await ben.get(f"/api/v1/lives/{broadcast.id}/stats")).status == 403
        assert (await server.call("GET", f"/api/v1/lives/{broadcast.id}/stats")).status == 401

        async def shown() -> bool:
            metrics = (await server.call("GET", "/metrics")).body.decode()
            found = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line.startswith("livecore_media_"))
            sides = [f'{{quantile="0.95",side="{side}",worker="0"}}' for side in ("publishers", "viewers")]
            return (
                {f"livecore_media_{name}{side}" for name in ("loss_ratio", "round_trip_seconds", "jitter_seconds") for side in sides}
                <= set(found)
                and found["livecore_media_loss_ratio" + sides[1]] == "0.07812"
                and found["livecore_media_jitter_seconds" + sides[1]] == "0.01"
                and all(float(found[f'livecore_media_{name}{{worker="0"}}']) > 0 for name in ("in_bps", "out_bps"))
                and found['livecore_media_viewers_on{layer="only",worker="0"}'] == "1.0"
                and found['livecore_media_drops_total{reason="nack_too_soon",worker="0"}'] == "1.0"
                # Nobody sends again what the publisher's path lost.
                and 'livecore_recorder_drops_total{reason="lost"}' in metrics
            )

        await until(shown, "the same in /metrics")
    finally:
        peer.close()
        await broadcast.end()


async def test_worker_without_time_leaves_old_pictures_out_then_the_largest_layer_and_says_so(start_server: StartServer) -> None:
    """The media worker gets no time for a while, as on a machine that others have for themselves; then it goes on with the present.

    Where that happens again and again, everybody is sent a layer less.
    """
    server = await start_server(media=True, media_late_s=0.2, media_counters_s=0.1)
    anna, ben = await server.person("anna"), await server.person("ben")
    live = (await anna.post("/api/v1/lives", {"title": "No time", "codec": "vp8", "keep_replay": False})).json
    publisher = await publish(anna, live, layers="simulcast")
    peer = await look(ben, live["id"], arrivals=False)
    assert server.supervisor
    worker = server.supervisor.child("media-0").pids[-1]

    async def is_late() -> bool:
        (publication,) = (await anna.get(f"/api/v1/lives/{live['id']}/stats")).json["media"]["publications"].values()
        return any(s["drops"].get("late", 0) for viewer in publication["viewers"] for s in viewer["subscriptions"])

    async def metric(line: str) -> bool:
        return line in (await server.call("GET", "/metrics")).body.decode()

    async def no_time() -> None:
        sent, received = publisher.packets, peer.received
        os.kill(worker, signal.SIGSTOP)
        try:
            await until(lambda: publisher.packets > sent + 130, "half a second")
        finally:
            os.kill(worker, signal.SIGCONT)
        await until(lambda: peer.received > received + 60, "the present")

    try:
        await until(lambda: peer.layer == LARGEST, "the largest picture")
        await no_time()
        await until(is_late, "pictures that were left out")
        await until(lambda: metric('reason="late"'), "the metric")
        for _ in range(20):
            await no_time()
            if peer.layer != LARGEST:
                break
        assert peer.layer == LARGEST - 1
        await until(lambda: metric('livecore_media_shed_layers{worker="0"} 1.0'), "the metric")
        assert peer.drops == {}
    finally:
        peer.close()
        await publisher.stop()
