"""A viewer behind a narrow link with a short queue: pictures are spread so that it takes them."""

import asyncio
import struct
from pathlib import Path

import pytest

from bench import rtcp_client
from livecore.media import rtcp
from livecore.media.sessions import ViewerSession
from tests.media import payloads
from tests.media.actors import Camera, Screen
from tests.media.netem import Conditions
from tests.media.scripted import LIVE, Sender, publisher, show, ssrc, viewer
from tests.media.virtual import VirtualPeer, VirtualPlane
from tests.media.worker_process import media_process
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("both_ways")

# As `tbf rate 2mbit` with a queue of 87 KB (three tenths more than the pace needs, a quarter less than a burst does): a phone far from its mast.
NARROW = Conditions(delay_s=0.02, rate_bps=2_000_000, queue_s=0.35)


def key_frame(camera: Camera, packets: int) -> None:
    """The next picture is a key frame of so many packets."""
    camera.packets, camera.key_wanted = packets, True
    camera.on_time(camera.pictures.next_at)
    camera.packets = 3


def stage(factor: float, *, layered: bool) -> tuple[VirtualPlane, VirtualPeer, Screen]:
    """A viewer whose path has been found out by one large key frame, and then gets another; `down.lost` counts from that on.

    Where there are layers it tells of each packet (transport-wide feedback), else only how much was lost (receiver reports).
    """
    plane = VirtualPlane(seed=31, pace_factor=factor)
    source = plane.publish(up=Conditions(delay_s=0.001), rids=["l", "h"] if layered else None)
    camera = Camera(source, packets=3, size=1100, rid="h" if layered else "", ssrc=13 if layered else 0)
    small = Camera(source, packets=1, size=200, rid="l", ssrc=11, sound=False)
    plane.run(1.2, lambda now: [camera.on_time(now), small.on_time(now)] if layered else camera.on_time(now))
    peer = plane.subscribe(down=NARROW)
    screen = Screen(peer)
    told = [plane.now, 0, 0]

    def each(now: float) -> None:
        camera.on_time(now)
        if layered:
            small.on_time(now)
        elif now - told[0] > 0.6:
            lost, got = peer.down.lost - told[1], len(peer.packets) - told[2]
            told[:] = now, peer.down.lost, len(peer.packets)
            block = rtcp.ReportBlock(screen._ssrc, int(256 * lost / max(1, lost + got)), lost, 0, 0, 0, 0)
            peer.send_rtcp(rtcp.build_receiver_report(1, [block]))
        screen.on_time(now)

    plane.run(2.0, each)
    key_frame(camera, 100)
    plane.run(6.0, each)
    lost = peer.down.lost
    assert lost > 10
    key_frame(camera, 100)
    plane.run(1.5, each)
    peer.down.lost -= lost
    return plane, peer, screen


def estimate_of(plane: VirtualPlane, peer: VirtualPeer) -> int | None:
    session = plane.router.sessions[peer.session_id]
    assert isinstance(session, ViewerSession)
    return session.estimate_bps


@pytest.mark.parametrize("layered", [True, False])
def test_key_frame_of_a_hundred_packets_gets_through_a_short_queue_whole(layered: bool) -> None:
    plane, peer, screen = stage(2.5, layered=layered)
    assert estimate_of(plane, peer)
    assert peer.down.lost == 0
    assert screen.longest_freeze_s() < 1.0
    # Sound went on beside it, fifty a second, none late.
    assert peer.peer.answered
    sounds = [at for at, packet in peer.packets if struct.unpack_from("!L", packet, 8)[0] == peer.peer.answered.ssrcs["audio"]]
    assert len(sounds) > 0.9 * 50 * 9.5


def test_without_pacing_the_same_key_frame_overflows_it() -> None:
    _, peer, _ = stage(1000.0, layered=True)
    assert peer.down.lost > 10


def test_first_picture_of_a_newcomer_is_not_slowed() -> None:
    """Nothing is known of its path: a key frame of a hundred packets is there as fast as the link carries it."""
    plane = VirtualPlane(seed=32)
    camera = Camera(plane.publish(up=Conditions(delay_s=0.001)), packets=100, size=1100)
    plane.run(0.2, camera.on_time)
    peer = plane.subscribe(down=Conditions(delay_s=0.01, rate_bps=20_000_000))
    connected, screen = plane.now, Screen(peer)

    def each(now: float) -> None:
        camera.on_time(now)
        screen.on_time(now)

    while not screen.shown:
        plane.step()
        each(plane.now)
        assert plane.now < connected + 0.15


async def test_real_worker_spreads_a_key_frame_for_a_viewer_that_tells_its_limit_and_sound_overtakes_it(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source, _ = await publisher(media)
        watcher, _ = await viewer(media)
        sender = Sender(source)
        await show(sender, watcher)
        assert watcher.peer.answered
        watcher.peer.send_rtcp(rtcp_client.build_remb(1, 1_000_000, [watcher.peer.answered.ssrcs["video"]]))

        async def pace() -> int | None:
            told: int | None = (await media.plane.stats(LIVE))["publications"]["main"]["viewers"][0]["pace_bps"]
            return told

        assert await until(pace, "a pace") == 2_500_000
        arrivals: list[tuple[str, float]] = []
        kinds = {number: kind for kind, number in watcher.peer.answered.ssrcs.items()}
        watcher.peer.on_rtp = lambda packet, at: arrivals.append((kinds.get(ssrc(packet), "resent"), at))
        for index in range(100):
            payload = payloads.vp8(sender.picture_id, key=True, start=index == 0, size=1100)
            source.send_rtp("video", sender.sequence, sender.timestamp, payload, marker=index == 99)
            sender.sequence += 1
            if index % 20 == 19:
                await asyncio.sleep(0)
        sender.sound()
        await until(lambda: sum(kind == "video" for kind, _ in arrivals) >= 100, "the whole key frame")
        when = [at for kind, at in arrivals if kind == "video"]
        # 110 KB at 2.5 Mb/s are 350 ms; unpaced it takes eight.
        assert when[-1] - when[0] > 0.25
        assert [kind for kind, _ in arrivals].index("audio") < len(arrivals) - 50
